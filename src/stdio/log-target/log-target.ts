/** Where output ends that is kept: a descriptor for each stream to write to, and what becomes of the bytes. */
import type { OwnedFd } from '../../os/owned-fd.js';
import type { PipeOwner } from '../../os/pipe.js';

/** An output stream of a process. */
export type OutputStream = 'stdout' | 'stderr';

export interface OpenLogTarget {
  /**
   * Blocking, as programs expect it. Whoever writes there, or has given it to a process, closes it: when all of a pipe's
   * writers have gone, its stream has ended.
   */
  readonly stdout: OwnedFd;
  readonly stderr: OwnedFd;
  /** Settles when nobody writes any more and all was passed on, or nobody is left to take it, and everything is closed. */
  readonly done: Promise<void>;
  /**
   * To be called when the process has been reaped, and what was copied is in the pipes. Settles when all of that has been
   * passed on: with `done`, unless others have the pipes still.
   */
  end(): Promise<void>;
  /**
   * Somebody has moved the file: opens what is at its path now. False if it was closed before. Fails with ERR_LOG_FAILED, and
   * goes on with the old file. Undefined where the file is not ours.
   */
  readonly reopen?: () => Promise<boolean>;
  /**
   * Closes everything now; what was not passed on is lost. What others still write to the pipes is read and dropped, so that
   * nobody dies of it. Idempotent.
   */
  close(): void;
}

export interface LogTargetOptions {
  /** Who may open the pipes anew, where they are pipes. */
  owner: PipeOwner | undefined;
  /** Gives up what is not there yet. */
  signal: AbortSignal | undefined;
  /** Told of what goes wrong later. The process goes on. */
  onError: (error: Error) => void;
}
