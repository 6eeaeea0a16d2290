/** The public interface of a container and its processes. */
import type { Size } from '../os/console.js';
import type { CheckpointOptions } from '../runtime/runtime-arguments.js';
import type { TerminalSession, ProcessStdio } from './io/process-io.js';
import type { Exit } from './launch.js';
import type { ProcessState } from './state.js';

/**
 * A container, from `createContainer` to `delete`. An empty `execId`, the default, means the init process; an unknown
 * `execId` fails with ERR_PROCESS_NOT_FOUND.
 *
 * If a command of the runtime fails, the call fails with ERR_RUNTIME_FAILED, ERR_RUNTIME_NOT_FOUND, ERR_RUNTIME_DIED or
 * ERR_RUNTIME_TIMEOUT. If the state does not allow a call, it fails with ERR_STATE_INVALID. If `signal` aborts, the
 * call fails with the signal's reason.
 */
export interface Container {
  readonly id: string;
  readonly init: Process;
  /** The directories of the container's cgroups, one for each hierarchy; empty if the init has no cgroup of its own. */
  readonly cgroupDirectories: readonly string[];
  process(execId?: string): Process;
  /**
   * Runs the init, or makes the process that `addExec` added. Returns its pid. If `signal` cancels the start, the
   * process never runs, or is killed.
   */
  start(execId?: string, signal?: AbortSignal): Promise<number>;
  /**
   * Adds a process that `start` makes later. `spec` is an OCI process, the object `process` of a config.json. Throws
   * ERR_ID_IN_USE.
   */
  addExec(execId: string, spec: object, stdio: ProcessStdio): void;
  /** Sends a signal, by number, to one process; for the init with `all` (false by default), to all of the container. */
  kill(execId: string, signal: number, all?: boolean): Promise<void>;
  /** Freezes all processes. If `signal` cancels the call, the change is undone. */
  pause(signal?: AbortSignal): Promise<void>;
  /** Lets frozen processes run again. If `signal` cancels the call, the change is undone. */
  resume(signal?: AbortSignal): Promise<void>;
  /** Writes the state of the processes to a directory, by criu. `signal` cancels the call only before criu begins. */
  checkpoint(options: CheckpointOptions, signal?: AbortSignal): Promise<void>;
  /** Changes the limits. `resources` is the object `linux.resources` of a config.json. */
  update(resources: object, signal?: AbortSignal): Promise<void>;
  /** The pids of all processes of the container, as this host sees them; none once the init has ended. */
  pids(): Promise<number[]>;
  /**
   * Removes a process that is not running; for the init, the whole container. First waits, for at most 10 s, for the
   * output of processes that the deleted process left behind. `signal` cancels only this wait.
   */
  delete(execId?: string, signal?: AbortSignal): Promise<Exit>;
  /** Kills and removes everything, in any state. Errors go to `onError`; the call does not fail. Idempotent. */
  destroy(): Promise<void>;
}

/** A process of a container: its init, or one that was added by `addExec`. */
export interface Process {
  /** When it was created or added. */
  readonly createdAt: Date;
  readonly state: ProcessState;
  /** The pid as this host sees it; 0 before the process is made. */
  readonly pid: number;
  /** Undefined until the process has been reaped. */
  readonly exit: Exit | undefined;
  /**
   * Settles after the process has ended and its output was passed on. Fails with ERR_PROCESS_NOT_FOUND if the process
   * was removed before.
   */
  readonly exited: Promise<Exit>;
  /** Settles as soon as the process has been reaped. Its output may not have been passed on yet. */
  readonly reaped: Promise<void>;
  /** Undefined before the process is made, and for a process without a terminal. */
  readonly terminal: TerminalSession | undefined;
  /**
   * Sets the size of the terminal; before there is one, the size that it will have. Does nothing without a terminal.
   */
  resize(size: Size): void;
  /** Releases the hold on stdin (`holdStdin`): stdin ends when its last writer has gone. */
  closeStdin(): void;
  /**
   * Reopens the log files that termshim writes, after you have moved them. Returns their paths. Fails with
   * ERR_LOG_FAILED.
   */
  reopenLogs(): Promise<string[]>;
  /**
   * Sends a signal by number. Throws ERR_PROCESS_NOT_FOUND if the process has ended, ERR_STATE_INVALID before it is
   * made.
   */
  signal(number: number): void;
}
