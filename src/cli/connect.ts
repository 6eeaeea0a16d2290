/**
 * What the verbs talk to. It is never started by one that asks: where there is no daemon there is no container either.
 */
import { type DaemonConnection, connectDaemon } from '../client/daemon-connection.js';
import { TermshimError } from '../errors/errors.js';
import { findContainer, findExec } from './resolve.js';
import type { ShimOption } from './options/shim-option.js';

/** Throws ERR_NO_DAEMON; ERR_RUNTIME_NOT_FOUND for another shim. */
export async function connect({ shim }: ShimOption = {}): Promise<DaemonConnection> {
  return shim ? connectShim(shim) : connectDaemon({ start: false });
}

/** For a new container, whose id that is. */
export async function connectToRun(id: string, { shim }: ShimOption): Promise<DaemonConnection> {
  return shim ? connectShim(shim) : connectDaemon({ start: true, reserve: id });
}

async function connectShim(shim: string): Promise<DaemonConnection> {
  const { connectExternalShim } = await import('../client/external-shim/connect.js');
  return connectExternalShim(shim);
}

/** What a person means by an id and, with `--exec`, the id of a process. An empty `execId` is the init. */
export interface ProcessIds {
  id: string;
  execId: string;
}

/** Throws ERR_PROCESS_NOT_FOUND, ERR_ID_AMBIGUOUS. */
export async function resolveIds(daemon: DaemonConnection, id: string, exec?: string): Promise<ProcessIds> {
  const { sessions } = await daemon.sessions.list({});
  const found = findContainer(sessions, id);
  return { id: found, execId: exec === undefined ? '' : findExec(sessions, found, exec) };
}

/** Undefined if there is no daemon: then what it would list is nothing. */
export async function connectIfAny(options: ShimOption = {}): Promise<DaemonConnection | undefined> {
  try {
    return await connect(options);
  } catch (error) {
    if (error instanceof TermshimError && error.code === 'ERR_NO_DAEMON') return undefined;
    throw error;
  }
}
