/**
 * What the verbs talk to. It is never started by one that asks: where there is no daemon there is no container either.
 */
import { type DaemonConnection, connectDaemon } from '../attach/daemon.js';
import { TermshimError } from '../os/errors.js';
import { findContainer, findExec } from './resolve.js';

/** Throws ERR_NO_DAEMON. */
export function connect(): Promise<DaemonConnection> {
  return connectDaemon({ start: false });
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
export async function connectIfAny(): Promise<DaemonConnection | undefined> {
  try {
    return await connect();
  } catch (error) {
    if (error instanceof TermshimError && error.code === 'ERR_NO_DAEMON') return undefined;
    throw error;
  }
}
