/** Where the output of a process can go, as data. */
import type { LogOptions } from '../../log/options.js';

/** Where the output of a process goes. */
export type OutputTarget = FifoTarget | LogTarget;

/** A FIFO, for whoever reads it. */
export interface FifoTarget {
  kind: 'fifo';
  path: string;
}

/** What keeps the output, and so needs nobody who reads it. */
export type LogTarget = FileTarget | DriverTarget | LogFileTarget;

/**
 * A file, to whose end the output is appended as it is. It is created if it does not exist, and the directories above it.
 */
export interface FileTarget {
  kind: 'file';
  path: string;
}

/** A log, written by us. */
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

/** Undefined if there is none, or if only a driver knows. */
export function pathOfLogTarget(target: OutputTarget | undefined): string | undefined {
  if (target?.kind === 'file') return target.path;
  return target?.kind === 'log' ? target.options.path : undefined;
}
