/**
 * Copies stdin FIFO -> console -> stdout FIFO for a process with a terminal, with back-pressure both ways, until the
 * process has ended, the terminal hangs up, or stdin or stdout ends the copy. Then it drains, flushes and closes.
 */
import { addon } from '../../native/addon.js';
import { EPOLLIN, EPOLLOUT, type PumpWatch, watchForPump } from '../../os/epoll.js';
import type { ClientInputOptions } from './client-input.js';
import type { ConsoleCopy, ConsoleCopyOptions, CopyEnd, CopyResult } from './copy-api.js';
import type { StdinEnd } from './console-input.js';
import { ConsoleInputs } from './console-inputs.js';
import { discardRest } from './discard-rest.js';
import type { Broadcast } from '../broadcast/broadcast.js';
import type { FlowStop } from './flow.js';
import { Output } from './output.js';

/** The options with the defaults filled in. */
type Settings = ConsoleCopyOptions & { stdinEnd: StdinEnd; endsOnHangup: boolean; drainTimeoutMs: number };

type State = 'copying' | 'draining' | 'late' | 'flushing' | 'closed';

/**
 * `draining` reads the output that is left in the console. `late` copies the output of other processes that still have
 * the tty open. `flushing` waits for the reader of the sink; the console is closed.
 */
const transitions: Readonly<Record<State, readonly State[]>> = {
  copying: ['draining', 'flushing'],
  draining: ['late', 'flushing'],
  late: ['flushing'],
  flushing: ['closed'],
  closed: [],
};

/**
 * More than a pty holds: about 20 KiB (measured; the kernel's pty.c limits its buffers). All output of the ended
 * process is in these bytes. Later bytes are from other processes, which may never stop writing.
 */
const heldByKernel = 128 * 1024;

/** If the reader has not taken the output after this time, it does not read. */
const usualTimeoutMs = 10_000;

/**
 * Copies stdin to a console and the console to stdout, until the process has ended. If stdout is full, the process waits.
 * Takes over the console, stdin and stdout: they are closed when `done` settles.
 *
 * @example
 * ```js
 * import { spawn } from 'node:child_process';
 * import { closeSync, constants, openSync } from 'node:fs';
 * import { Console, copyConsole, plainSink } from 'termshim';
 *
 * const console = Console.open({ columns: 80, rows: 24 });
 * const tty = openSync(console.name, constants.O_RDWR | constants.O_NOCTTY);
 * spawn('/bin/echo', ['hello'], { stdio: [tty, tty, tty] });
 * closeSync(tty);
 *
 * const file = openSync('screen', 'w');
 * const copy = copyConsole({ console, stdout: plainSink({ fd: file, close: () => closeSync(file) }) });
 * const { reason, stdoutBytes } = await copy.done;
 * process.stdout.write(`${reason} after ${stdoutBytes} bytes\n`);
 * ```
 */
export function copyConsole(options: ConsoleCopyOptions): ConsoleCopy {
  return new Copier(options);
}

class Copier implements ConsoleCopy {
  readonly done: Promise<CopyResult>;
  readonly drained: Promise<void>;
  readonly ended: Promise<void>;
  readonly #options: Settings;
  readonly #output: Output;
  #inputs: ConsoleInputs | undefined;
  #consoleWatch: PumpWatch | undefined;
  #resolve!: (result: CopyResult) => void;
  #reject!: (error: Error) => void;
  #resolveDrained!: () => void;
  #resolveEnded!: () => void;
  #state: State = 'copying';
  #reason: CopyEnd = 'exit';
  #failure: Error | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  readonly #givingUp = new AbortController();
  #leftBytes = 0;
  #isAbandoned = false;
  /** Whether the copy goes on after the exit, while other processes have the tty open. */
  #waitsForOthers = true;

  constructor(options: ConsoleCopyOptions) {
    this.#options = {
      ...options,
      stdinEnd: options.stdinEnd ?? 'hangup',
      endsOnHangup: options.endsOnHangup ?? true,
      drainTimeoutMs: options.drainTimeoutMs ?? usualTimeoutMs,
    };
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.drained = new Promise((resolve) => {
      this.#resolveDrained = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#output = new Output({
      source: options.console.fd,
      sink: options.stdout,
      onStop: (stop) => this.#outputStopped(stop),
      onError: (error) => this.#fail(error),
    });
    try {
      this.#watch();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  get stdinBytes(): number {
    return this.#inputs?.bytes ?? 0;
  }

  get stdoutBytes(): number {
    return this.#output.bytes;
  }

  get hasReader(): boolean {
    return this.#state !== 'closed' && this.#options.stdout.hasReader();
  }

  get waitingSince(): number | undefined {
    return this.#output.waitingSince;
  }

  get broadcast(): Broadcast {
    return this.#output.broadcast;
  }

  addInput(options: ClientInputOptions): { close(): void } {
    const inputs = this.#state === 'copying' ? this.#inputs : undefined;
    return inputs?.add(options) ?? { close() {} };
  }

  observeInput(onInput: (bytes: Uint8Array) => void): { close(): void } {
    const inputs = this.#state === 'copying' ? this.#inputs : undefined;
    return inputs?.observe(onInput) ?? { close() {} };
  }

  processEnded(): void {
    this.#drain('exit');
  }

  shutdown(): void {
    this.#waitsForOthers = false;
    if (this.#state === 'late') this.#finish(this.#reason);
    else this.#drain('shutdown');
  }

  abandon(): void {
    this.#isAbandoned = this.#state !== 'copying' && this.#reason === 'exit';
    this.close();
  }

  close(): void {
    if (this.#state === 'copying') this.#reason = 'shutdown';
    this.#giveUp();
  }

  #watch(): void {
    const { console, stdin, stdinEnd, drainTimeoutMs } = this.#options;
    this.#consoleWatch = watchForPump(console.fd, EPOLLIN, (events) => this.#consoleReady(events));
    this.#output.start(this.#consoleWatch);
    this.#inputs = new ConsoleInputs({
      stdin,
      console,
      stdinEnd,
      // EPOLLOUT is requested only while input waits: else each read by the process would cause a useless wake-up.
      onWantRoom: (isWanted) => this.#consoleWatch?.change(isWanted ? EPOLLIN | EPOLLOUT : EPOLLIN),
      onHangup: () => this.#drain('stdin-end'),
      readTimeoutMs: drainTimeoutMs,
      onError: (error) => this.#fail(error),
    });
  }

  #consoleReady(events: number): void {
    if (events & EPOLLOUT) this.#inputs?.consoleReady();
    this.#output.sourceReady(events);
  }

  #outputStopped(stop: Exclude<FlowStop, 'full'>): void {
    const hasHungUp = stop !== 'empty';
    if (stop === 'broken') this.#finish('broken-pipe');
    else if (this.#state === 'draining') this.#drained(hasHungUp);
    else if (this.#state === 'late' && hasHungUp) this.#finish(this.#reason);
    else if (hasHungUp && this.#options.endsOnHangup) this.#finish('hangup');
  }

  /** Reads the output that is left in the console, until the console is empty or the drain timeout is over. */
  #drain(reason: CopyEnd): void {
    if (this.#state !== 'copying') return;
    this.#enter('draining');
    this.#reason = reason;
    this.#waitsForOthers &&= reason === 'exit';
    this.#limitTime();
    this.#output.drain(heldByKernel);
  }

  /** After an exit, other processes that have the tty open may write without end. Their output is copied too. */
  #drained(hasHungUp: boolean): void {
    if (hasHungUp || !this.#waitsForOthers) return this.#finish(this.#reason);
    this.#enter('late');
    this.#inputs?.close();
    this.#consoleWatch?.change(EPOLLIN);
    this.#options.stdin?.close();
    this.#resolveDrained();
    this.#output.readOn();
  }

  /** Draining and flushing share one timeout. */
  #limitTime(): void {
    const { drainTimeoutMs } = this.#options;
    if (drainTimeoutMs === 0 || this.#drainTimer !== undefined) return;
    this.#drainTimer = setTimeout(() => this.#giveUp(), drainTimeoutMs);
  }

  /** Stops waiting. Output that is left in the console is counted, as far as 16 reads find it, and lost. */
  #giveUp(): void {
    this.#givingUp.abort();
    if (this.#state === 'flushing' || this.#state === 'closed') return;
    for (let blocks = 0; blocks < 16; blocks++) {
      const dropped = addon.fd_discard(this.#options.console.fd, 64 * 1024);
      if (dropped <= 0) break;
      this.#leftBytes += dropped;
    }
    this.#finish(this.#reason);
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#finish(this.#reason);
  }

  /** Closes the console first: processes that still have its tty open need not wait for the reader of the sink. */
  #finish(reason: CopyEnd): void {
    if (this.#state === 'flushing' || this.#state === 'closed') return;
    this.#enter('flushing');
    this.#limitTime();
    const result: CopyResult = {
      reason,
      stdinBytes: this.stdinBytes,
      stdoutBytes: this.stdoutBytes,
      discardedBytes: this.#options.stdout.discardedBytes,
      undeliveredBytes: this.#output.pendingBytes + this.#leftBytes,
    };
    this.#consoleWatch?.close();
    this.#inputs?.close();
    this.#output.close();
    this.#options.stdin?.close();
    if (this.#isAbandoned) discardRest(this.#options.console);
    else this.#options.console.close();
    this.#resolveDrained();
    this.#resolveEnded();
    void this.#flush(result);
  }

  async #flush(result: CopyResult): Promise<void> {
    try {
      result.undeliveredBytes += await this.#options.stdout.flush(this.#givingUp.signal);
    } catch (error) {
      this.#failure ??= error as Error;
    }
    clearTimeout(this.#drainTimer);
    this.#enter('closed');
    this.#options.stdout.close();
    if (this.#failure === undefined) this.#resolve(result);
    else this.#reject(this.#failure);
  }

  #enter(next: State): void {
    if (!transitions[this.#state].includes(next)) throw new Error(`a copy cannot go from ${this.#state} to ${next}`);
    this.#state = next;
  }
}
