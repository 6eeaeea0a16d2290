/** What a container is made of. */
import type { OciRuntime } from '../runtime/oci-runtime.js';
import type { RestoreArguments } from '../runtime/runtime-arguments.js';
import type { TaskEvent } from './event.js';
import type { IoLimits, ProcessStdio } from './io/process-io.js';

export interface ContainerOptions extends IoLimits {
  id: string;
  runtime: OciRuntime;
  /** The directory with config.json, whose `process.terminal` agrees with `stdio`. */
  bundle: string;
  stdio: ProcessStdio;
  /** Where the runtime writes the pid of the init. */
  pidFile: string;
  /** As the runtime's options of these names. */
  noPivot?: boolean | undefined;
  noNewKeyring?: boolean | undefined;
  /** Where `start` finds the processes that a checkpoint has written; undefined for new ones. */
  restore?: RestoreFrom | undefined;
  others: OthersAtExit;
  onEvent: (event: TaskEvent) => void;
}

/**
 * What becomes of the other processes of a container when its init has ended.
 *
 * - `gone`: they have ended with it, since its pids are in a namespace of their own
 * - `killed`: they are killed
 * - `left`: those that were started by `exec` are killed; those that others have left behind have until `delete`
 */
export type OthersAtExit = 'gone' | 'killed' | 'left';

/** Where the processes are that a checkpoint has written. */
export interface RestoreFrom extends Pick<RestoreArguments, 'imagePath' | 'workPath'> {
  /** As in config.json. */
  cgroupsPath: string | undefined;
}
