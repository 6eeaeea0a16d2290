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
  const signals = new SignalCatcher();
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

class SignalCatcher implements CaughtSignals {
  readonly insisted: Promise<void>;
  readonly #aborting = new AbortController();
  readonly #stopHandling: () => void;
  #insist = (): void => {};
  #status: number | undefined;
  #target: Target | undefined;
  #count = 0;
  #hangupTimer: NodeJS.Timeout | undefined;

  constructor() {
    this.insisted = new Promise((resolve) => (this.#insist = resolve));
    this.#stopHandling = onSignals([...endSignals, 'SIGUSR2'], (name) => this.#handle(name));
  }

  get aborted(): AbortSignal {
    return this.#aborting.signal;
  }

  get status(): number | undefined {
    return this.#status;
  }

  forwardTo(running: Target): void {
    this.aborted.throwIfAborted();
    this.#target = running;
  }

  stop(): void {
    clearTimeout(this.#hangupTimer);
    this.#stopHandling();
  }

  #handle(name: NodeJS.Signals): void {
    const target = this.#target;
    const onHangup = name === 'SIGHUP' ? target?.onHangup : undefined;
    if (target !== undefined && onHangup === undefined) return this.#forward(name, target);
    this.#status ??= 128 + constants.signals[name];
    if (onHangup !== undefined) onHangup();
    else this.#aborting.abort(new Error(`interrupted by ${name}`));
  }

  #forward(name: NodeJS.Signals, { signal }: Target): void {
    signal(constants.signals[name]);
    if (name !== 'SIGUSR2' && ++this.#count >= insistence) this.#kill();
    if (name === 'SIGHUP') this.#hangupTimer ??= setTimeout(() => this.#kill(), hangupGraceMs);
  }

  #kill(): void {
    this.#target?.signal(constants.signals.SIGKILL);
    this.#insist();
  }
}
