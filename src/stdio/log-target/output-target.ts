/** Where the output of a process can go, as data. */
import type { LogOptions } from '../../log/options.js';

export type OutputTarget = FifoTarget | LogTarget;

/** To whoever reads there. */
export interface FifoTarget {
  kind: 'fifo';
  path: string;
}

/** What keeps the output, and so needs nobody who reads it. */
export type LogTarget = FileTarget | DriverTarget | LogFileTarget;

/** The end of a file. It is made if it is not there, and the directories above it. */
export interface FileTarget {
  kind: 'file';
  path: string;
}

/** A log, written by us. */
export interface LogFileTarget {
  kind: 'log';
  options: LogOptions;
}

/** A program that reads the output, as of containerd's `binary://`. */
export interface DriverTarget {
  kind: 'driver';
  /** Absolute. */
  program: string;
  args: readonly string[];
  /** All of its environment. */
  env: Readonly<Record<string, string>>;
  /**
   * How it says on descriptor 5 that it is ready: by closing it, with or without a word before, or by a byte, without which
   * the end of it is its own (`binary-v2://`).
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
