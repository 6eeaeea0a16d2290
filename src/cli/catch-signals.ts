/**
 * What the signals that end a process mean to `run`: at first they stop what is being made, later they are the task's.
 */
import { constants } from 'node:os';
import type { Task } from '../task/task.js';

export interface CaughtSignals {
  /** Aborted by a signal that comes before there is a task. */
  readonly aborted: AbortSignal;
  /** The exit status that a shell expects after such a signal; undefined if none came. */
  readonly status: number | undefined;
  /** From now on they go to the task. Throws if one came before. */
  forwardTo(task: Task): void;
  /** From now on they end this process. */
  stop(): void;
}

/** The init of a container may ignore SIGTERM; whoever insists gets it killed. */
const insistence = 3;

const names: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];

export function catchSignals(): CaughtSignals {
  const aborting = new AbortController();
  let status: number | undefined;
  let task: Task | undefined;
  let count = 0;
  const handle = (name: NodeJS.Signals): void => {
    const number = constants.signals[name];
    if (task === undefined) {
      status ??= 128 + number;
      aborting.abort(new Error(`interrupted by ${name}`));
    } else {
      const isInsisted = name !== 'SIGUSR2' && ++count >= insistence;
      task.signal(isInsisted ? constants.signals.SIGKILL : number);
    }
  };
  for (const name of names) process.on(name, handle);
  return {
    aborted: aborting.signal,
    get status() {
      return status;
    },
    forwardTo(running) {
      aborting.signal.throwIfAborted();
      task = running;
    },
    stop() {
      for (const name of names) process.off(name, handle);
    },
  };
}
