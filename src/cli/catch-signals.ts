/**
 * What the signals that end a process mean to a command with a process in the foreground: at first they stop what is
 * being made, later they are the process's.
 */
import { constants } from 'node:os';
import type { ForegroundSignals } from '../client/foreground.js';

export interface CaughtSignals extends ForegroundSignals {
  /** The exit status that a shell expects after a signal that was not the process's; undefined if none came. */
  readonly status: number | undefined;
  /** From now on they end this process. */
  stop(): void;
}

/**
 * Does the work, and exits with the status that it answers: that of the process, or undefined if somebody has left it. If
 * a signal has stopped it, the status says so.
 */
export async function exitAsProcess(work: (signals: CaughtSignals) => Promise<number | undefined>): Promise<void> {
  const signals = catchSignals();
  try {
    const status = await work(signals);
    process.exitCode = status ?? signals.status ?? 0;
  } catch (error) {
    if (signals.status === undefined) throw error;
    process.exitCode = signals.status;
  } finally {
    signals.stop();
  }
}

/** The init of a container may ignore SIGTERM; whoever insists gets it killed. */
const insistence = 3;

/** A process that outlives its terminal for so long is out of everybody's reach: an init may ignore SIGHUP. */
const hangupGraceMs = 10_000;

const names: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];

type Target = Parameters<ForegroundSignals['forwardTo']>[0];

function catchSignals(): CaughtSignals {
  const aborting = new AbortController();
  let status: number | undefined;
  let target: Target | undefined;
  let count = 0;
  let hangupTimer: NodeJS.Timeout | undefined;
  let insist: () => void;
  const insisted = new Promise<void>((resolve) => {
    insist = resolve;
  });
  const kill = (): void => {
    target?.signal(constants.signals.SIGKILL);
    insist();
  };
  const forward = (name: NodeJS.Signals, { signal }: Target): void => {
    signal(constants.signals[name]);
    if (name !== 'SIGUSR2' && ++count >= insistence) kill();
    if (name === 'SIGHUP') hangupTimer ??= setTimeout(kill, hangupGraceMs);
  };
  const handle = (name: NodeJS.Signals): void => {
    const onHangup = name === 'SIGHUP' ? target?.onHangup : undefined;
    if (target !== undefined && onHangup === undefined) return forward(name, target);
    status ??= 128 + constants.signals[name];
    if (onHangup !== undefined) onHangup();
    else aborting.abort(new Error(`interrupted by ${name}`));
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
      target = running;
    },
    stop() {
      clearTimeout(hangupTimer);
      for (const name of names) process.off(name, handle);
    },
  };
}
