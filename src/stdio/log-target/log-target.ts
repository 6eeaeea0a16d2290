/** An open log target: a descriptor for each stream, and the calls that end, reopen and close it. */
import type { OwnedFd } from '../../os/owned-fd.js';
import type { PipeOwner } from '../../os/pipe.js';

/** An output stream of a process. */
export type OutputStream = 'stdout' | 'stderr';

export interface OpenLogTarget {
  /**
   * Blocking, as programs expect it. The caller closes it after the last write, or once a process has inherited it: a
   * stream ends when its pipe has no writer.
   */
  readonly stdout: OwnedFd;
  readonly stderr: OwnedFd;
  /** Settles when the streams have ended, their output was passed on or is lost, and everything is closed. */
  readonly done: Promise<void>;
  /**
   * Call it when the process was reaped and its output is in the pipes. Settles when that output was passed on: with
   * `done`, unless other processes still have the pipes open.
   */
  end(): Promise<void>;
  /**
   * Call it after the file was moved: opens the file that is at the path. Returns false if the target was closed
   * before. Fails with ERR_LOG_FAILED, and goes on with the old file. Undefined if this process does not write the
   * file.
   */
  readonly reopen?: () => Promise<boolean>;
  /**
   * Closes everything at once; output that was not passed on is lost. Output that other processes still write to the
   * pipes is read and dropped, so that they get no SIGPIPE. Idempotent.
   */
  close(): void;
}

export interface LogTargetOptions {
  /** The user who may open the pipes again, such as by /dev/stdout; unused if the target has no pipes. */
  owner: PipeOwner | undefined;
  /** Cancels the opening when it aborts. */
  signal: AbortSignal | undefined;
  /** Called with errors after the opening. The process goes on. */
  onError: (error: Error) => void;
}
