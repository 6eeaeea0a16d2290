/** The options of a container. */
import type { OciRuntime } from '../runtime/oci-runtime.js';
import type { RestoreArguments } from '../runtime/runtime-arguments.js';
import type { TaskEvent } from './event.js';
import type { ProcessStdio } from './io/process-io.js';

/** The options of `createContainer`. */
export interface ContainerOptions {
  /** The name by which the runtime knows the container. */
  id: string;
  /** The runtime that creates it; see `ociRuntime`. */
  runtime: OciRuntime;
  /** The directory with config.json. Its `process.terminal` must agree with `stdio`. */
  bundle: string;
  /** Where the bytes of the init process come from and go to. */
  stdio: ProcessStdio;
  /** The file to which the runtime writes the pid of the init; `init.pid` in the bundle by default. */
  pidFile?: string | undefined;
  /** Tells the runtime not to use `pivot_root`, for a root filesystem in a ramdisk. */
  noPivot?: boolean | undefined;
  /** Tells the runtime to create no session keyring for the container. */
  noNewKeyring?: boolean | undefined;
  /** A checkpoint whose processes `start` restores; without it, `start` runs the process of config.json. */
  restore?: RestoreFrom | undefined;
  /**
   * What happens to the other processes when the init has ended. By default it follows from the bundle and the runtime.
   */
  others?: OthersAtExit | undefined;
  /** How long to wait for the console, and for a reader of an output; 10,000 ms by default, 0 waits without end. */
  connectTimeoutMs?: number | undefined;
  /**
   * How long a reader may take for the rest of the output when a process has ended; 10,000 ms by default, 0 waits
   * without end.
   */
  drainTimeoutMs?: number | undefined;
  /** Cancels the creation: everything that was made is removed. */
  signal?: AbortSignal | undefined;
  /** Called with each event of the container's life, in order. */
  onEvent?: ((event: TaskEvent) => void) | undefined;
  /** Called with an error that no call can report. By default the error becomes a warning of this process. */
  onError?: ((error: Error) => void) | undefined;
}

type WithDefault = 'pidFile' | 'others' | 'connectTimeoutMs' | 'drainTimeoutMs' | 'onEvent' | 'onError';

/** The options of a container once the defaults are filled in. */
export type TaskContainerOptions = Omit<ContainerOptions, WithDefault> & {
  [name in WithDefault]: Exclude<ContainerOptions[name], undefined>;
};

/**
 * What happens to the other processes of a container when its init has ended.
 *
 * - `gone`: nothing is to be done. The kernel ended them with the init, because the container has its own pid
 *   namespace.
 * - `killed`: they are killed.
 * - `left`: exec processes are killed. Processes that they or the init left behind run until `delete`.
 */
export type OthersAtExit = 'gone' | 'killed' | 'left';

/** A checkpoint to restore a container from. */
export interface RestoreFrom extends Pick<RestoreArguments, 'imagePath' | 'workPath'> {
  /** `linux.cgroupsPath` of config.json. */
  cgroupsPath: string | undefined;
}
