/**
 * A subscriber: gets output over a descriptor, at its own pace. The source waits for it only for a short time. If it
 * falls behind by more than the ring holds, the bytes that it missed are skipped.
 */
import { constants } from 'node:os';
import { addon, PumpStop } from '../../native/addon.js';
import { EPOLLERR, EPOLLOUT, watch } from '../../os/epoll.js';
import { systemError } from '../../errors/errors.js';
import type { Ring, RingReader } from './ring.js';

/** A subscriber to output, and what it gets first. */
export interface FollowOptions {
  /** A non-blocking FIFO or socket that is watched only here. Taken over. */
  sink: { readonly fd: number; close(): void };
  /** The subscriber gets these bytes first. While a promise is pending, it gets nothing. */
  firstBytes: FirstBytes | Promise<FirstBytes>;
  /** How many bytes of recent output it gets after `firstBytes`. */
  replayBytes: number;
  /**
   * Called if the subscriber reads again after `bytes` were skipped. Returns what to send instead, before the current
   * output. For a slow subscriber this is called up to ten times a second.
   */
  onSkipped: (bytes: number) => FirstBytes | Promise<FirstBytes>;
  /** How long the source waits for it; by default as long as for a client. */
  slowReader?: SlowReaderLimits;
  /**
   * Called once: with `left` if its reader has gone, with `ended` if the output has ended and was sent or `graceMs` is
   * over, or with the error of a write.
   */
  onEnd: (reason: 'left' | 'ended' | Error) => void;
}

/** Bytes that are sent before the output goes on. */
export interface FirstBytes {
  bytes: Uint8Array;
  /** `bytes` replace all output up to this position (as of the broadcast's `bytes`); undefined: they replace none. */
  upTo?: number | undefined;
}

/** How long the process waits for a slow subscriber. */
export interface SlowReaderLimits {
  /** How long the source waits for a subscriber that is behind by half of the ring, in milliseconds. */
  holdMs: number;
  /** Whether `holdMs` begins anew whenever the subscriber has read something. */
  isForProgress: boolean;
  /** How long it may take to read the rest after the output has ended, in milliseconds; undefined: no limit. */
  graceMs: number | undefined;
}

/** A client that reads again gets the current screen, so it loses little, and a slow one must not delay the others. */
const forClient: SlowReaderLimits = { holdMs: 100, isForProgress: false, graceMs: 2000 };

/** A subscriber to output. */
export interface Subscriber {
  /** Bytes that its descriptor took. */
  readonly bytes: number;
  /** Bytes that were not sent yet. */
  readonly behindBytes: number;
  readonly skippedBytes: number;
  /** Ends the subscription without a call of `onEnd`. Idempotent. */
  close(): void;
}

export interface SubscriberControl extends Subscriber {
  readonly slowReader: SlowReaderLimits;
  /** Call it after bytes were appended to the ring. */
  send(): void;
  /** Call it after the last append: the subscriber ends when it has caught up, or after `graceMs`. */
  finish(): void;
}

export interface SubscriberListener {
  /** Called when the descriptor has taken all that it has room for. */
  onSent: () => void;
  onClosed: () => void;
}

export function createSubscriber(ring: Ring, options: FollowOptions, listener: SubscriberListener): SubscriberControl {
  return new RingSubscriber(ring, options, listener);
}

class RingSubscriber implements SubscriberControl {
  readonly slowReader: SlowReaderLimits;
  readonly #ring: Ring;
  readonly #options: FollowOptions;
  readonly #listener: SubscriberListener;
  readonly #watching: { close(): void } | undefined;
  readonly #startBytes: number;
  #reader: RingReader;
  /** What is sent before the output goes on, and its bytes that were sent. */
  #head: Uint8Array = nothing;
  #isHeadDue = false;
  #headBytes = 0;
  /** Bytes of output that were not sent because a head replaces them (`upTo`), and bytes that were skipped. */
  #coveredBytes = 0;
  #skippedBytes = 0;
  #finalBytes = 0;
  #isFull = false;
  #isLast = false;
  #isOpen = true;
  #graceTimer: NodeJS.Timeout | undefined;
  #skipTimer: NodeJS.Timeout | undefined;
  #nextSkipAt = 0;

  constructor(ring: Ring, options: FollowOptions, listener: SubscriberListener) {
    this.#ring = ring;
    this.#options = options;
    this.#listener = listener;
    this.slowReader = options.slowReader ?? forClient;
    this.#reader = ring.reader(options.replayBytes);
    this.#startBytes = ring.bytes - this.#reader.behindBytes;
    this.#watching = watch(options.sink.fd, EPOLLOUT, (events) => {
      if (events & EPOLLERR) this.#end('left');
      else this.#send();
    });
    this.#take(options.firstBytes);
  }

  get bytes(): number {
    return this.#isOpen ? this.#sentBytes : this.#finalBytes;
  }

  get behindBytes(): number {
    return this.#head.length + this.#reader.behindBytes;
  }

  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  send(): void {
    if (!this.#isFull) this.#send();
  }

  finish(): void {
    this.#isLast = true;
    const { graceMs } = this.slowReader;
    if (graceMs !== undefined) this.#graceTimer = setTimeout(() => this.#end('ended'), graceMs);
    this.#send();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#finalBytes = this.#sentBytes;
    this.#isOpen = false;
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#skipTimer);
    this.#watching?.close();
    this.#reader.close();
    this.#options.sink.close();
    this.#listener.onClosed();
  }

  get #sentBytes(): number {
    const taken = this.#ring.bytes - this.#startBytes - this.#reader.behindBytes;
    return this.#headBytes + taken - this.#skippedBytes - this.#coveredBytes;
  }

  #end(reason: 'left' | 'ended' | Error): void {
    if (!this.#isOpen) return;
    this.close();
    this.#options.onEnd(reason);
  }

  #take(head: FirstBytes | Promise<FirstBytes>): void {
    if ('then' in head) void this.#takeLater(head);
    else this.#takeNow(head);
  }

  async #takeLater(head: Promise<FirstBytes>): Promise<void> {
    this.#isHeadDue = true;
    const it = await head;
    if (!this.#isOpen) return;
    this.#isHeadDue = false;
    this.#takeNow(it);
    this.#send();
  }

  #takeNow({ bytes, upTo }: FirstBytes): void {
    this.#head = bytes;
    const { behindBytes } = this.#reader;
    const restBytes = this.#ring.bytes - (upTo ?? 0);
    // If the ring has lost these bytes, the next write skips them.
    if (upTo === undefined || restBytes > this.#ring.capacity || restBytes >= behindBytes) return;
    this.#coveredBytes += behindBytes - restBytes;
    this.#reader.close();
    this.#reader = this.#ring.reader(restBytes);
  }

  #send(): void {
    if (!this.#isOpen || this.#isHeadDue || !this.#sendHead()) return;
    const answer = this.#reader.write(this.#options.sink.fd);
    this.#isFull = answer === PumpStop.full || answer === PumpStop.lost;
    if (answer !== PumpStop.lost) return this.#stopped(answer);
    const waitMs = this.#isLast ? 0 : this.#nextSkipAt - performance.now();
    if (waitMs <= 0) this.#skip();
    else this.#skipTimer ??= setTimeout(() => this.#skip(), waitMs);
  }

  /** Sends the head. Returns whether all of it was sent. */
  #sendHead(): boolean {
    while (this.#head.length > 0) {
      const taken = addon.fd_write(this.#options.sink.fd, this.#head);
      if (taken < 0) {
        this.#refused(taken);
        return false;
      }
      this.#head = this.#head.subarray(taken);
      this.#headBytes += taken;
    }
    return true;
  }

  #refused(answer: number): void {
    this.#isFull = answer === -constants.errno.EAGAIN;
    if (answer === -constants.errno.EPIPE) this.#end('left');
    else if (!this.#isFull) this.#end(systemError(answer, 'write', 'write to a client'));
  }

  #skip(): void {
    clearTimeout(this.#skipTimer);
    this.#skipTimer = undefined;
    this.#nextSkipAt = performance.now() + skipIntervalMs;
    const skipped = this.#reader.skip();
    this.#skippedBytes += skipped;
    this.#take(this.#options.onSkipped(skipped));
    this.#send();
  }

  #stopped(answer: number): void {
    const stop = answer & 0xff;
    this.#listener.onSent();
    if (stop === PumpStop.broken) this.#end('left');
    else if (stop === PumpStop.sinkError) this.#end(systemError(-(answer >> 8), 'write', 'write to a client'));
    else if (stop === PumpStop.empty && this.#isLast) this.#end('ended');
  }
}

const nothing = new Uint8Array();

/** The shortest time between two skips: to send the replacement may cost more than to skip. */
const skipIntervalMs = 100;
