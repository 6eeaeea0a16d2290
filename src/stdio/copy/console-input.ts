/** The input half of a console copy: copies stdin to the console, and handles the end of stdin. */
import { addon } from '../../native/addon.js';
import type { Console } from '../../os/console.js';
import { EPOLLIN, type PumpWatch, watchForPump } from '../../os/epoll.js';
import { Flow, type FlowStop } from './flow.js';
import type { InputTap } from '../broadcast/input-tap.js';

/**
 * What happens when stdin ends.
 *
 * - `hangup`: the input is delivered and the output drained, then the console is closed, as with containerd.
 * - `veof`: the end-of-file character, ^D, is typed.
 * - `ignore`: nothing. The input of a later writer is copied.
 */
export type StdinEnd = 'hangup' | 'veof' | 'ignore';
export const stdinEndPolicies = ['hangup', 'veof', 'ignore'] as const satisfies readonly StdinEnd[];

export interface ConsoleInputOptions {
  /** The caller owns stdin and the console, and closes them only after the input. */
  stdin: { readonly fd: number };
  console: Console;
  stdinEnd: StdinEnd;
  tap: InputTap;
  /** Called with whether `consoleReady` must be called once the console takes more bytes. */
  onWantRoom(isWanted: boolean): void;
  /** Called after the end of stdin by the policy `hangup`, once the process has read all input or does not read it. */
  onHangup: () => void;
  /** How long a hang-up waits for the process to read all input; 0: as long as the process keeps reading. */
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
    this.#watch = watchForPump(stdin.fd, EPOLLIN, (events) =>
      this.#flow.sourceReady(events, this.#owedEof !== undefined),
    );
    // The addon does not know that an end-of-file character waits, and would send the next input before it.
    if (stdinEnd !== 'veof') this.#flow.serve(this.#watch);
    if (this.#watch === undefined) this.#flow.startWithoutEvents();
  }

  /** Bytes that the console took, without the end-of-file characters. */
  get bytes(): number {
    return this.#flow.bytes;
  }

  /** Call it when the console takes bytes again, after `onWantRoom(true)`. */
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

  #stopped(stop: FlowStop): 'wait' {
    this.#options.onWantRoom(stop === 'full');
    if (stop !== 'end' && stop !== 'hangup') return 'wait';
    if (this.#options.stdinEnd === 'hangup') this.#hangUpWhenRead();
    if (this.#options.stdinEnd === 'veof') this.#oweEof();
    return 'wait';
  }

  /**
   * A hang-up discards input that the process has not read. The kernel reports no event when the process has read it,
   * so this polls.
   */
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

  /** A read of 0 and EPOLLHUP may report the same end of stdin. The next end counts only after new input. */
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

/** If the process has read nothing for this long, the hang-up does not wait for it. */
const quietMs = 1000;

/** After LF or CR, or before the first byte (-1), the line is empty. */
const lineEnds: ReadonlySet<number> = new Set([0x0a, 0x0d, -1]);
