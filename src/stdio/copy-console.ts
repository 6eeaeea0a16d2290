/**
 * The Terminal branch: copies stdin FIFO -> console -> stdout FIFO, both ways with back-pressure, until the process has
 * ended, the terminal hangs up or the pipe breaks; then drains, flushes and closes.
 */
import { addon } from '../native/addon.js';
import type { Console } from '../os/console.js';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, type Watch, watch } from '../os/epoll.js';
import { Flow, type FlowStop } from './flow.js';
import type { Sink } from './sink.js';

/**
 * What the end of stdin does.
 *
 * - `hangup`: as containerd does. What was typed is delivered, the output drained, then the console closed.
 * - `veof`: types the end-of-file character, ^D.
 * - `ignore`: nothing; a later writer is read.
 */
export const stdinEndPolicies = ['hangup', 'veof', 'ignore'] as const;
export type StdinEnd = (typeof stdinEndPolicies)[number];

export interface ConsoleCopyOptions {
  console: Console;
  /** Where input comes from, if from anywhere. */
  stdin?: { readonly fd: number; close(): void } | undefined;
  stdout: Sink;
  stdinEnd: StdinEnd;
  /**
   * Whether the end of the last slave (EIO) ends the copy. Where we own the process it does not: a slave may be opened
   * again, and `processEnded` says when it is over.
   */
  endsOnHangup: boolean;
  /** How long the output has to drain and to be read, once the end has come. */
  drainTimeoutMs: number;
}

/** What ended the copy. */
export type CopyEnd = 'exit' | 'hangup' | 'stdin-end' | 'broken-pipe' | 'shutdown';

export interface CopyResult {
  reason: CopyEnd;
  stdinBytes: number;
  stdoutBytes: number;
  /** Dropped while nobody read, by the policy `discard`. */
  discardedBytes: number;
  /** Read from the console, or written to the FIFO, and taken by nobody when the time was up. */
  undeliveredBytes: number;
}

export interface ConsoleCopy {
  /** Settles when everything is closed. Rejects for an errno that is no part of a copy's life. */
  readonly done: Promise<CopyResult>;
  readonly stdinBytes: number;
  readonly stdoutBytes: number;
  /**
   * The session leader has been reaped: all it wrote is in the console, and the copy ends when that is read. Must not
   * be called before, or the last output may be missed.
   */
  processEnded(): void;
  /** Ends the copy: drains what is there now, then closes. */
  shutdown(): void;
}

type State = 'copying' | 'draining' | 'flushing' | 'closed';

/** `draining` reads what is left in the console; `flushing` waits for the reader of the sink, the console is closed. */
const transitions: Readonly<Record<State, readonly State[]>> = {
  copying: ['draining', 'flushing'],
  draining: ['flushing'],
  flushing: ['closed'],
  closed: [],
};

/** Starts to copy. Takes over the console, stdin and stdout: they are closed when `done` settles. */
export function copyConsole(options: ConsoleCopyOptions): ConsoleCopy {
  return new Copier(options);
}

class Copier implements ConsoleCopy {
  readonly done: Promise<CopyResult>;
  readonly #options: ConsoleCopyOptions;
  readonly #output: Flow;
  readonly #input: Flow | undefined;
  readonly #watches: (Watch | undefined)[] = [];
  #resolve!: (result: CopyResult) => void;
  #reject!: (error: Error) => void;
  #state: State = 'copying';
  #reason: CopyEnd = 'exit';
  #failure: Error | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  #deadline = Number.POSITIVE_INFINITY;
  /** End-of-file characters that the console did not take yet. */
  #owedEof: Uint8Array | undefined;
  #bytesAtEof = -1;

  constructor(options: ConsoleCopyOptions) {
    const { console, stdin, stdout } = options;
    this.#options = options;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const onError = (error: Error): void => this.#fail(error);
    this.#output = new Flow({
      source: console.fd,
      sink: stdout.fd,
      onStop: (stop) => this.#outputStopped(stop),
      onError,
    });
    if (stdin !== undefined) {
      this.#input = new Flow({
        source: stdin.fd,
        sink: console.fd,
        onStop: (stop) => this.#inputStopped(stop),
        onError,
      });
    }
    try {
      this.#watch();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  get stdinBytes(): number {
    return this.#input?.bytes ?? 0;
  }

  get stdoutBytes(): number {
    return this.#output.bytes;
  }

  processEnded(): void {
    this.#drain('exit');
  }

  shutdown(): void {
    this.#drain('shutdown');
  }

  #watch(): void {
    const { console, stdin, stdout } = this.#options;
    this.#watches.push(watch(stdout.fd, EPOLLOUT, (events) => this.#sinkReady(events)));
    this.#watches.push(watch(console.fd, EPOLLIN | EPOLLOUT, (events) => this.#consoleReady(events)));
    if (stdin === undefined) return;
    const watching = watch(stdin.fd, EPOLLIN, () => this.#runInput());
    this.#watches.push(watching);
    if (watching === undefined) this.#input?.run();
  }

  #consoleReady(events: number): void {
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !this.#output.isFull) this.#output.run();
    if (!(events & EPOLLOUT)) return;
    if (this.#owedEof !== undefined) this.#payEof();
    else if (this.#input?.isFull) this.#input.run();
  }

  #sinkReady(events: number): void {
    if (events & EPOLLERR) {
      if (this.#outputStopped('broken') === 'retry') this.#output.run();
    } else if (this.#output.isFull) {
      this.#output.run();
    }
  }

  #runInput(): void {
    if (this.#owedEof === undefined && !this.#input?.isFull) this.#input?.run();
  }

  #outputStopped(stop: FlowStop): 'wait' | 'retry' {
    const { stdout, endsOnHangup } = this.#options;
    switch (stop) {
      case 'full':
        return stdout.onFull();
      case 'broken':
        if (stdout.onBroken() === 'retry') return 'retry';
        this.#finish('broken-pipe');
        return 'wait';
      case 'empty':
        if (this.#state === 'draining') this.#finish(this.#reason);
        return 'wait';
      case 'hangup':
      case 'end':
        if (this.#state === 'draining') this.#finish(this.#reason);
        else if (endsOnHangup) this.#finish('hangup');
        return 'wait';
    }
  }

  #inputStopped(stop: FlowStop): 'wait' {
    if (stop !== 'end' && stop !== 'hangup') return 'wait';
    if (this.#options.stdinEnd === 'hangup') this.#drain('stdin-end');
    if (this.#options.stdinEnd === 'veof') this.#oweEof();
    return 'wait';
  }

  /** The end of stdin can be told twice, by a read of 0 and by EPOLLHUP: it counts again only after new input. */
  #oweEof(): void {
    const { bytes, lastByte } = this.#input as Flow;
    if (bytes === this.#bytesAtEof) return;
    this.#bytesAtEof = bytes;
    this.#owedEof = this.#options.console.endOfFile(lineEnds.has(lastByte));
    this.#payEof();
  }

  #payEof(): void {
    const taken = addon.fd_write(this.#options.console.fd, this.#owedEof as Uint8Array);
    const left = (this.#owedEof as Uint8Array).subarray(Math.max(0, taken));
    this.#owedEof = left.length > 0 ? left : undefined;
    if (this.#owedEof === undefined) setImmediate(() => this.#runInput());
  }

  /** No more input; the output ends when nothing is left in the console, or when the time is up. */
  #drain(reason: CopyEnd): void {
    if (this.#state !== 'copying') return;
    this.#enter('draining');
    this.#reason = reason;
    this.#deadline = performance.now() + this.#options.drainTimeoutMs;
    this.#drainTimer = setTimeout(() => this.#finish(reason), this.#options.drainTimeoutMs);
    this.#output.run();
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#finish(this.#reason);
  }

  /** The console goes first: whoever is left on its other side need not wait for the reader of the sink. */
  #finish(reason: CopyEnd): void {
    if (this.#state === 'flushing' || this.#state === 'closed') return;
    this.#enter('flushing');
    clearTimeout(this.#drainTimer);
    if (this.#deadline === Number.POSITIVE_INFINITY) this.#deadline = performance.now() + this.#options.drainTimeoutMs;
    const result: CopyResult = {
      reason,
      stdinBytes: this.stdinBytes,
      stdoutBytes: this.stdoutBytes,
      discardedBytes: this.#options.stdout.discardedBytes,
      undeliveredBytes: this.#output.pendingBytes,
    };
    for (const watching of this.#watches) watching?.close();
    this.#input?.close();
    this.#output.close();
    this.#options.stdin?.close();
    this.#options.console.close();
    void this.#flush(result);
  }

  async #flush(result: CopyResult): Promise<void> {
    try {
      result.undeliveredBytes += await this.#options.stdout.flush(this.#deadline);
    } catch (error) {
      this.#failure ??= error as Error;
    }
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

/** After one of these, or before anything was typed, the line is empty: LF, CR, and no byte at all. */
const lineEnds: ReadonlySet<number> = new Set([0x0a, 0x0d, -1]);
