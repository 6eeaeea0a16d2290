/**
 * Connects the verbs to the user's daemon, or to an external shim. Only `connectToRun` starts a daemon: if none runs,
 * there is no container for the other verbs.
 */
import { connectDaemon } from '../client/daemon-connection.js';
import { TermshimError } from '../errors/errors.js';
import { findContainer, findExec } from './resolve.js';
import type { ShimOption } from './options/shim-option.js';
import { type DaemonConnection, type ProcessIds } from '../client/connection.js';

/** Throws ERR_NO_DAEMON, or ERR_RUNTIME_NOT_FOUND for an external shim. */
export async function connect({ shim }: ShimOption = {}): Promise<DaemonConnection> {
  return shim ? connectShim(shim) : connectDaemon({ start: false });
}

/** Connects for a new container with this id, and starts a daemon if none runs. */
export async function connectToRun(id: string, { shim }: ShimOption): Promise<DaemonConnection> {
  return shim ? connectShim(shim) : connectDaemon({ start: true, reserve: id });
}

async function connectShim(shim: string): Promise<DaemonConnection> {
  const { connectExternalShim } = await import('../client/external-shim/connect.js');
  return connectExternalShim(shim);
}

/** Completes the ids, or beginnings of ids, of a command line. Throws ERR_PROCESS_NOT_FOUND, ERR_ID_AMBIGUOUS. */
export async function resolveIds(daemon: DaemonConnection, id: string, exec?: string): Promise<ProcessIds> {
  const { sessions } = await daemon.sessions.list({});
  const found = findContainer(sessions, id);
  return { id: found, execId: exec === undefined ? '' : findExec(sessions, found, exec) };
}

/** Undefined if no daemon runs: then there is nothing to list. */
export async function connectIfAny(options: ShimOption = {}): Promise<DaemonConnection | undefined> {
  try {
    return await connect(options);
  } catch (error) {
    if (error instanceof TermshimError && error.code === 'ERR_NO_DAEMON') return undefined;
    throw error;
  }
}
