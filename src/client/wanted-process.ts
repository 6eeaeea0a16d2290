/** A process that a command wants of the daemon: a container's init, or one more in a container. */
import { constants } from 'node:os';
import type { CallOptions } from '../ttrpc/client-connection.js';
import type { Size } from '../os/console.js';
import type { DaemonConnection } from './daemon-connection.js';

export interface WantedProcess {
  daemon: DaemonConnection;
  id: string;
  /** Empty for the container's init. */
  execId: string;
  terminal: boolean;
  /** Of the terminal, from the first byte on. */
  size: Size | undefined;
  /** Whose window gives the terminal its size; undefined for whoever typed last. */
  sizePolicy: string | undefined;
  /** Undefined if it is not recorded. */
  recording: WantedRecording | undefined;
  /** Create or Exec. */
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
 * What has to be before the first byte of a process that has been made. Each step may wait, a recording for its disk: the
 * signal ends that with its reason.
 */
export async function prepareProcess(wanted: WantedProcess, signal: AbortSignal): Promise<void> {
  const { daemon, id, execId, size, sizePolicy, recording } = wanted;
  const ids = { id, execId };
  if (size !== undefined) await resizeProcess(wanted, size, { signal });
  if (sizePolicy !== undefined) await daemon.sessions.setSizePolicy({ ...ids, policy: sizePolicy }, { signal });
  if (recording !== undefined) await daemon.sessions.record({ ...ids, ...recording }, { signal });
}

/** Runs it without anybody attached. If it fails, or `signal` aborts it, nothing of it stays. */
export async function runInBackground(wanted: WantedProcess, signal: AbortSignal): Promise<void> {
  const { daemon, id, execId, terminal, make } = wanted;
  await make({ terminal, ...noStdio });
  await orRemove(wanted, async () => {
    await prepareProcess(wanted, signal);
    signal.throwIfAborted();
    await daemon.task.start({ id, execId });
  });
}

/** Does the work with a process that has been made. If it fails, nothing of the process stays. */
export async function orRemove<T>(made: WantedProcess, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // What led here is to be told.
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
