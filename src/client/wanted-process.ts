/** A process that a command asks the daemon for: a container's init, or an exec. */
import { constants } from 'node:os';
import type { CallOptions } from '../ttrpc/client-connection.js';
import type { Size } from '../os/console.js';
import { type DaemonConnection } from './connection.js';

export interface WantedProcess {
  daemon: DaemonConnection;
  id: string;
  /** Empty for the container's init. */
  execId: string;
  terminal: boolean;
  /** The size of the terminal from the first byte on. */
  size: Size | undefined;
  /** The rule that chooses the terminal's size; undefined for the default: the client that typed last. */
  sizePolicy: string | undefined;
  /** Undefined if it is not recorded. */
  recording: WantedRecording | undefined;
  /** Calls Create or Exec. */
  make: (stdio: RequestStdio) => Promise<unknown>;
}

export interface WantedRecording {
  /** Absolute. */
  path: string;
  /** Whether what is typed is recorded too. */
  input: boolean;
}

/** As in the requests Create and Exec. An empty path means: none. */
export interface RequestStdio {
  terminal: boolean;
  stdin: string;
  stdout: string;
  stderr: string;
}

export const noStdio = { stdin: '', stdout: '', stderr: '' } as const;

export function resizeProcess(
  { daemon, id, execId }: WantedProcess,
  { columns, rows }: Size,
  options?: CallOptions,
): Promise<unknown> {
  return daemon.task.resizePty({ id, execId, width: columns, height: rows }, options);
}

/**
 * Does what must be done before the first byte of a process that was made. Each step may wait, a recording for its
 * disk: `signal` ends the wait with its reason.
 */
export async function prepareProcess(wanted: WantedProcess, signal: AbortSignal): Promise<void> {
  const { daemon, id, execId, size, sizePolicy, recording } = wanted;
  const ids = { id, execId };
  if (size !== undefined) await resizeProcess(wanted, size, { signal });
  if (sizePolicy !== undefined) await daemon.sessions.setSizePolicy({ ...ids, policy: sizePolicy }, { signal });
  if (recording !== undefined) await daemon.sessions.record({ ...ids, ...recording }, { signal });
}

/** Runs a process without a client. If that fails or `signal` aborts it, nothing of the process is left. */
export async function runInBackground(wanted: WantedProcess, signal: AbortSignal): Promise<void> {
  const { daemon, id, execId, terminal, make } = wanted;
  await make({ terminal, ...noStdio });
  await orRemove(wanted, async () => {
    await prepareProcess(wanted, signal);
    signal.throwIfAborted();
    await daemon.task.start({ id, execId });
  });
}

/** Does the work with a process that was made. If that fails, nothing of the process is left. */
export async function orRemove<T>(made: WantedProcess, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // The first error is the one to report.
    await removeByForce(made).catch(() => {});
    throw error;
  }
}

async function removeByForce({ daemon: { task }, id, execId }: WantedProcess): Promise<void> {
  const ids = { id, execId };
  await task.kill({ ...ids, signal: constants.signals.SIGKILL }).catch(() => {});
  const { pid } = await task.state(ids);
  if (pid > 0) await task.wait(ids);
  await task.delete(ids);
}
