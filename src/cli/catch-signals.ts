/**
 * What the signals that end a process mean to `run`: at first they stop what is being made, later they are the process's.
 */
import { constants } from 'node:os';
import type { Process } from '../task/process.js';

export interface CaughtSignals {
  /** Aborted by a signal that comes before there is a process. */
  readonly aborted: AbortSignal;
  /** The exit status that a shell expects after such a signal; undefined if none came. */
  readonly status: number | undefined;
  /** Resolves when somebody insists: the process is killed, and what is under way for it should be dropped. */
  readonly insisted: Promise<void>;
  /** From now on they go to the process. Throws if one came before. */
  forwardTo(process: Pick<Process, 'trySignal'>): void;
  /** From now on they end this process. */
  stop(): void;
}

/** The init of a container may ignore SIGTERM; whoever insists gets it killed. */
const insistence = 3;

/** A process that outlives its terminal for so long is out of everybody's reach: an init may ignore SIGHUP. */
const hangupGraceMs = 10_000;

const names: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];

export function catchSignals(): CaughtSignals {
  const aborting = new AbortController();
  let status: number | undefined;
  let task: Pick<Process, 'trySignal'> | undefined;
  let count = 0;
  let hangupTimer: NodeJS.Timeout | undefined;
  let insist: () => void;
  const insisted = new Promise<void>((resolve) => {
    insist = resolve;
  });
  const kill = (): void => {
    task?.trySignal(constants.signals.SIGKILL);
    insist();
  };
  const handle = (name: NodeJS.Signals): void => {
    const number = constants.signals[name];
    if (task === undefined) {
      status ??= 128 + number;
      aborting.abort(new Error(`interrupted by ${name}`));
    } else {
      task.trySignal(number);
      if (name !== 'SIGUSR2' && ++count >= insistence) kill();
      if (name === 'SIGHUP') hangupTimer ??= setTimeout(kill, hangupGraceMs);
    }
  };
  for (const name of names) process.on(name, handle);
  return {
    aborted: aborting.signal,
    insisted,
    get status() {
      return status;
    },
    forwardTo(running) {
      aborting.signal.throwIfAborted();
      task = running;
    },
    stop() {
      clearTimeout(hangupTimer);
      for (const name of names) process.off(name, handle);
    },
  };
}
