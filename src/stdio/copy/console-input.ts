/**
 * The typing half of a console copy: stdin -> console, and what the end of stdin does.
 */
import { addon } from '../../native/addon.js';
import type { Console } from '../../os/console.js';
import { EPOLLERR, EPOLLHUP, EPOLLIN, type PumpWatch, watchForPump } from '../../os/epoll.js';
import { Flow, type FlowStop } from './flow.js';
import type { InputTap } from '../broadcast/input-tap.js';

/**
 * What happens when stdin ends.
 *
 * - `hangup`: what was typed is delivered, the output drained, then the console closed, as with containerd.
 * - `veof`: the end-of-file character, ^D, is typed.
 * - `ignore`: nothing. A later writer is read.
 */
export type StdinEnd = 'hangup' | 'veof' | 'ignore';
export const stdinEndPolicies = ['hangup', 'veof', 'ignore'] as const satisfies readonly StdinEnd[];

export interface ConsoleInputOptions {
  /** Both stay the caller's, and outlive the input. */
  stdin: { readonly fd: number };
  console: Console;
  stdinEnd: StdinEnd;
  tap: InputTap;
  /** Whether `consoleReady` is to be called when the console takes more. */
  onWantRoom(isWanted: boolean): void;
  /** The end has come, by the policy `hangup`, and the process has read what was typed, or does not read. */
  onHangup: () => void;
  /** How long the process may take to read what was typed before a hang-up; 0: as long as it goes on reading. */
  readTimeoutMs: number;
  onError: (error: Error) => void;
}

export class ConsoleInput {
  readonly #options: ConsoleInputOptions;
  readonly #flow: Flow;
  readonly #watch: PumpWatch | undefined;
  /** End-of-file characters that the console did not take yet. */
  #owedEof: Uint8Array | undefined;
  #bytesAtEof = -1;
  #readingTimer: NodeJS.Timeout | undefined;

  constructor(options: ConsoleInputOptions) {
    const { stdin, console, stdinEnd, tap, onError } = options;
    this.#options = options;
    this.#flow = new Flow({ source: stdin.fd, sink: console.fd, onStop: (stop) => this.#stopped(stop), onError });
    tap.join(this.#flow);
    this.#watch = watchForPump(stdin.fd, EPOLLIN, (events) => this.#stdinReady(events));
    // What is owed for an end of file must come before what is typed next, and only we know of it.
    if (stdinEnd !== 'veof') this.#flow.serve(this.#watch);
    if (this.#watch !== undefined) return;
    this.#flow.expectEnd();
    setImmediate(() => this.#flow.run());
  }

  /** Bytes that the console took, without the end-of-file characters. */
  get bytes(): number {
    return this.#flow.bytes;
  }

  /** To be called when the console takes bytes again, after `onWantRoom(true)`. */
  consoleReady(): void {
    if (this.#owedEof !== undefined) this.#payEof();
    else if (this.#flow.isFull) this.#flow.run();
  }

  /** Idempotent. */
  close(): void {
    clearInterval(this.#readingTimer);
    this.#watch?.close();
    this.#flow.close();
    this.#options.tap.leave(this.#flow);
  }

  #stdinReady(events: number): void {
    if (events & (EPOLLHUP | EPOLLERR)) this.#flow.expectEnd();
    if (this.#owedEof === undefined && !this.#flow.isFull) this.#flow.run();
  }

  #stopped(stop: FlowStop): 'wait' {
    this.#options.onWantRoom(stop === 'full');
    if (stop !== 'end' && stop !== 'hangup') return 'wait';
    if (this.#options.stdinEnd === 'hangup') this.#hangUpWhenRead();
    if (this.#options.stdinEnd === 'veof') this.#oweEof();
    return 'wait';
  }

  /** A hang-up throws away what is in the terminal and was not read. No event tells that it was, so this looks often. */
  #hangUpWhenRead(): void {
    this.#watch?.close();
    const { console, onHangup, readTimeoutMs } = this.#options;
    const start = performance.now();
    let unread = console.unreadInputBytes;
    let lastRead = start;
    const look = (): void => {
      const now = performance.now();
      const left = console.unreadInputBytes;
      if (left !== unread) lastRead = now;
      unread = left;
      const isLate = now - lastRead >= quietMs || (readTimeoutMs > 0 && now - start >= readTimeoutMs);
      if (left > 0 && !isLate) return;
      clearInterval(this.#readingTimer);
      onHangup();
    };
    clearInterval(this.#readingTimer);
    this.#readingTimer = setInterval(look, 5);
    look();
  }

  /** The end of stdin can be told twice, by a read of 0 and by EPOLLHUP: it counts again only after new input. */
  #oweEof(): void {
    const { bytes, lastByte } = this.#flow;
    if (bytes === this.#bytesAtEof) return;
    this.#bytesAtEof = bytes;
    this.#owedEof = this.#options.console.endOfFile(lineEnds.has(lastByte));
    this.#payEof();
  }

  #payEof(): void {
    const owed = this.#owedEof ?? new Uint8Array();
    const taken = Math.max(0, addon.fd_write(this.#options.console.fd, owed));
    this.#options.tap.took(owed.subarray(0, taken));
    const isPaid = taken >= owed.length;
    this.#owedEof = isPaid ? undefined : owed.subarray(taken);
    this.#options.onWantRoom(!isPaid);
    if (isPaid) setImmediate(() => this.#flow.run());
  }
}

/** A process that has not read for so long does something else. */
const quietMs = 1000;

/** After one of these, or before anything was typed, the line is empty: LF, CR, and no byte at all. */
const lineEnds: ReadonlySet<number> = new Set([0x0a, 0x0d, -1]);
