/**
 * Handles the signals that end a process, for a command with a process in the foreground. At first they abort the
 * creation of the process, later they are sent to it.
 */
import { constants } from 'node:os';
import type { ForegroundSignals } from '../client/foreground.js';
import { endSignals, onSignals } from '../async/signals.js';

export interface CaughtSignals extends ForegroundSignals {
  /** The exit status that a shell expects after a signal that was not sent to the process; undefined if none came. */
  readonly status: number | undefined;
  /** Removes the handlers: from here on the signals end this command. */
  stop(): void;
}

/**
 * Does the work, and sets the exit status of this command to its result: the status of the process, or undefined if the
 * user has detached. If a signal has stopped the work, the exit status is that of the signal.
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

/** After so many signals the process is killed: the init of a container may ignore SIGTERM. */
const insistence = 3;

/** So long after a SIGHUP the process is killed: an init may ignore SIGHUP, and its terminal is closed. */
const hangupGraceMs = 10_000;

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
  const stopHandling = onSignals([...endSignals, 'SIGUSR2'], handle);
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
      stopHandling();
    },
  };
}
