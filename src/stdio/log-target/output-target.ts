/** The targets that the output of a process can have, as data. */
import type { LogOptions } from '../../log/options.js';

/** Where the output of a process goes. */
export type OutputTarget = FifoTarget | LogTarget;

/** A FIFO that a client reads. */
export interface FifoTarget {
  kind: 'fifo';
  path: string;
}

/** A target that stores the output, so the output needs no reader. */
export type LogTarget = FileTarget | DriverTarget | LogFileTarget;

/** A file to which the output is appended unchanged. It is created, with its directories, if it does not exist. */
export interface FileTarget {
  kind: 'file';
  path: string;
}

/** A log that this process writes. */
export interface LogFileTarget {
  kind: 'log';
  options: LogOptions;
}

/** A program that reads the output: a log driver as containerd starts it for `binary://`. */
export interface DriverTarget {
  kind: 'driver';
  /** The absolute path. */
  program: string;
  args: readonly string[];
  /** The whole environment of the program. */
  env: Readonly<Record<string, string>>;
  /**
   * How the driver says, on descriptor 5, that it is ready: by closing it (`binary://`), or by writing a byte
   * (`binary-v2://`).
   */
  readySign: 'close' | 'byte';
  onDeath: OnDeath;
}

/** What to do if the driver dies before the output has ended: start it again, or drop the rest. */
export type OnDeath = 'restart' | 'discard';
export const onDeathPolicies = ['restart', 'discard'] as const satisfies readonly OnDeath[];

/** The path of a file or a log; undefined for any other target. */
export function pathOfLogTarget(target: OutputTarget | undefined): string | undefined {
  if (target?.kind === 'file') return target.path;
  return target?.kind === 'log' ? target.options.path : undefined;
}
