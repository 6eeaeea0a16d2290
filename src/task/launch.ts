/**
 * Makes a process with its runtime, connects its stdio, and watches it until it is reaped.
 */
import { TermshimError } from '../errors/errors.js';
import { readSmallFile } from '../os/file/json.js';
import { type ProcessWatch, watchProcess } from '../os/process/process-watch.js';
import { becomeSubreaper, holdOrphans } from '../os/process/subreaper.js';
import { isMissing } from '../runtime/oci-runtime.js';
import type { RuntimeIo, ProcessIo } from './io/process-io.js';

/** How a process has ended. */
export interface Exit {
  /** The exit code, or 128 plus the number of the signal that killed the process; 255 if it is unknown. */
  status: number;
  /** When it was reaped. */
  at: Date;
}

export interface LaunchOptions {
  /** Taken over: closed if the launch fails, otherwise by `close`. */
  io: ProcessIo;
  /** The file to which the runtime writes the pid. */
  pidFile: string;
  make: (io: RuntimeIo & { pidFile: string }) => Promise<void>;
  /** Cancels the launch: `unmake` removes what was made. */
  signal: AbortSignal | undefined;
  /** Undoes what `make` may have done. Not called if the runtime refused: it has cleaned up then. */
  unmake: (process: ProcessWatch | undefined) => Promise<void>;
  /**
   * Calls `unmake` also if the runtime refused: `make` may leave something behind, and no other container has the id.
   */
  mayLeaveParts?: boolean | undefined;
}

export interface LaunchedProcess {
  readonly pid: number;
  readonly io: ProcessIo;
  /** Rejects with ERR_PROCESS_NOT_FOUND if the process was reaped elsewhere. */
  readonly reaped: Promise<Exit>;
  /** Sends a signal by number. False if the process has ended. */
  signal(number: number): boolean;
  /** Stops watching the process and closes its stdio. Idempotent. */
  close(): void;
}

/**
 * If this fails, nothing of the process stays. This program becomes a subreaper, since the runtime leaves the process
 * to it. The process may end before its pid is known, so no orphan is reaped until the process is watched.
 */
export async function launchProcess(options: LaunchOptions): Promise<LaunchedProcess> {
  const { io, pidFile, make, unmake, signal, mayLeaveParts = false } = options;
  becomeSubreaper();
  const releaseOrphans = holdOrphans();
  let process: ProcessWatch | undefined;
  try {
    await io.make((runtimeIo) => make({ ...runtimeIo, pidFile }));
    process = watchProcess(Number(readSmallFile(pidFile)));
    releaseOrphans();
    await io.connect();
    signal?.throwIfAborted();
  } catch (error) {
    if (!isRefusal(error)) process ??= findMade(pidFile);
    releaseOrphans();
    io.close();
    if (!isRefusal(error) || (mayLeaveParts && !isMissing(error))) await unmake(process);
    process?.close();
    throw error;
  }
  const watched = process;
  const reaped = reap(watched);
  reaped.catch(() => {});
  return {
    pid: watched.pid,
    io,
    reaped,
    signal: (number) => watched.signal(number),
    close() {
      io.close();
      watched.close();
    },
  };
}

/** A runtime that was killed, or whose console never came, may still have made the process. */
function findMade(pidFile: string): ProcessWatch | undefined {
  try {
    return watchProcess(Number(readSmallFile(pidFile)));
  } catch {
    return undefined;
  }
}

async function reap(process: ProcessWatch): Promise<Exit> {
  const status = await process.exited;
  if (status !== undefined) return { status, at: new Date() };
  throw new TermshimError('ERR_PROCESS_NOT_FOUND', `process ${process.pid} was already reaped`);
}

/**
 * Whether the runtime refused, or could not be run. It has cleaned up then; a container of that id is another one and
 * must not be removed.
 */
function isRefusal(error: unknown): boolean {
  return error instanceof TermshimError && refusals.has(error.code);
}

const refusals = new Set<string>(['ERR_RUNTIME_FAILED', 'ERR_RUNTIME_NOT_FOUND']);
