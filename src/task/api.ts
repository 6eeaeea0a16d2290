/** What a user of the library sees of a container and its processes. */
import type { Size } from '../os/console.js';
import type { CheckpointOptions } from '../runtime/runtime-arguments.js';
import type { TerminalSession, ProcessStdio } from './io/process-io.js';
import type { Exit } from './launch.js';
import type { ProcessState } from './state.js';

/**
 * A container, from `createContainer` to `delete`. Where a method takes an `execId`, an empty one, the default, means the
 * init process; an unknown one is ERR_PROCESS_NOT_FOUND.
 *
 * A command of the runtime that fails is ERR_RUNTIME_FAILED, ERR_RUNTIME_NOT_FOUND, ERR_RUNTIME_DIED or ERR_RUNTIME_TIMEOUT.
 * A call that the state does not allow is ERR_STATE_INVALID. An aborted `signal` makes a call fail with its reason.
 */
export interface Container {
  readonly id: string;
  readonly init: Process;
  /** The directories of its cgroups, one in every hierarchy; empty if the init is in no cgroup of its own. */
  readonly cgroupDirectories: readonly string[];
  process(execId?: string): Process;
  /**
   * Runs the init, or makes the process that `addExec` added. Returns its pid. If `signal` cancels it, the process has not
   * begun, or it is killed.
   */
  start(execId?: string, signal?: AbortSignal): Promise<number>;
  /**
   * Adds a process, which `start` will make. `spec` is an OCI process, the object `process` of a config.json. Throws
   * ERR_ID_IN_USE.
   */
  addExec(execId: string, spec: object, stdio: ProcessStdio): void;
  /** Sends a signal, by number, to one process. With the init and `all` (false by default) to all of the container's. */
  kill(execId: string, signal: number, all?: boolean): Promise<void>;
  /** Freezes all processes. If `signal` cancels it, it is undone. */
  pause(signal?: AbortSignal): Promise<void>;
  /** Lets frozen processes run again. If `signal` cancels it, it is undone. */
  resume(signal?: AbortSignal): Promise<void>;
  /** Writes the state of the processes to a directory, by criu. `signal` cancels it only until criu begins. */
  checkpoint(options: CheckpointOptions, signal?: AbortSignal): Promise<void>;
  /** Changes the limits. `resources` is the object `linux.resources` of a config.json. */
  update(resources: object, signal?: AbortSignal): Promise<void>;
  /** The pids of all its processes, as this host sees them; none once the init has ended. */
  pids(): Promise<number[]>;
  /**
   * Removes a process that does not run, and with the init the whole container. Waits for the output of processes that the
   * deleted one has left behind, for 10 s at most. `signal` cancels that wait alone.
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
  /** As this host sees it; 0 before the process is made. */
  readonly pid: number;
  /** Undefined until the process has been reaped. */
  readonly exit: Exit | undefined;
  /**
   * Settles after the process has ended and its output was passed on. Fails with ERR_PROCESS_NOT_FOUND if the process was
   * removed before.
   */
  readonly exited: Promise<Exit>;
  /** Settles as soon as the process has been reaped. What it wrote may not have been passed on yet. */
  readonly reaped: Promise<void>;
  /** Undefined before the process is made, and for a process without a terminal. */
  readonly terminal: TerminalSession | undefined;
  /** Sets the size of the terminal; before there is one, the size that it will have. Does nothing without a terminal. */
  resize(size: Size): void;
  /** Releases the hold on stdin (`holdStdin`): stdin ends when its last writer has gone. */
  closeStdin(): void;
  /** Opens the log files that termshim writes anew, after you have moved them. Returns their paths. Fails with ERR_LOG_FAILED. */
  reopenLogs(): Promise<string[]>;
  /** Sends a signal by number. Throws ERR_PROCESS_NOT_FOUND if the process has ended, ERR_STATE_INVALID before it is made. */
  signal(number: number): void;
}
