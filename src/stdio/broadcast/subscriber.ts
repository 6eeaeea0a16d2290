/**
 * A subscriber: gets output over a descriptor, at its own pace. The source waits for it only for a short time. If it
 * falls behind by more than the ring holds, the bytes that it missed are skipped.
 */
import { addon, PumpStop } from '../../native/addon.js';
import { EPOLLERR, EPOLLOUT, watch } from '../../os/epoll.js';
import { systemError } from '../../errors/errors.js';
import type { Ring } from './ring.js';

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
  const { sink, slowReader = forClient } = options;
  let reader = ring.reader(options.replayBytes);
  let head: Uint8Array = nothing;
  let isHeadDue = false;
  let headBytes = 0;
  /** Bytes of output that were not sent because a head replaces them (`upTo`). */
  let coveredBytes = 0;
  let skippedBytes = 0;
  let isFull = false;
  let isLast = false;
  let isOpen = true;
  let timer: NodeJS.Timeout | undefined;
  let skipTimer: NodeJS.Timeout | undefined;
  let nextSkipAt = 0;
  const startBytes = ring.bytes - reader.behindBytes;

  const bytesSent = (): number =>
    headBytes + ring.bytes - startBytes - reader.behindBytes - skippedBytes - coveredBytes;
  let finalBytes = 0;

  const close = (): void => {
    if (!isOpen) return;
    finalBytes = bytesSent();
    isOpen = false;
    clearTimeout(timer);
    clearTimeout(skipTimer);
    watching?.close();
    reader.close();
    sink.close();
    listener.onClosed();
  };
  const end = (reason: 'left' | 'ended' | Error): void => {
    if (!isOpen) return;
    close();
    options.onEnd(reason);
  };

  const take = (given: FirstBytes | Promise<FirstBytes>): void => {
    if (!('then' in given)) return takeNow(given);
    void takeLater(given);
  };
  const takeLater = async (given: Promise<FirstBytes>): Promise<void> => {
    isHeadDue = true;
    const it = await given;
    if (!isOpen) return;
    isHeadDue = false;
    takeNow(it);
    send();
  };
  const takeNow = ({ bytes, upTo }: FirstBytes): void => {
    head = bytes;
    const replayBytes = ring.bytes - (upTo ?? 0);
    // If the ring has lost these bytes, the next write skips them.
    if (upTo === undefined || replayBytes > ring.capacity || replayBytes >= reader.behindBytes) return;
    coveredBytes += reader.behindBytes - replayBytes;
    reader.close();
    reader = ring.reader(replayBytes);
  };

  /** Sends the head. Returns whether all of it was sent. */
  const sendHead = (): boolean => {
    while (head.length > 0) {
      const taken = addon.fd_write(sink.fd, head);
      if (taken < 0) {
        refused(taken);
        return false;
      }
      head = head.subarray(taken);
      headBytes += taken;
    }
    return true;
  };
  const refused = (answer: number): void => {
    isFull = answer === -EAGAIN;
    if (answer === -EPIPE) end('left');
    else if (!isFull) end(systemError(answer, 'write', 'write to a client'));
  };
  const send = (): void => {
    if (!isOpen || isHeadDue || !sendHead()) return;
    const answer = reader.write(sink.fd);
    isFull = answer === PumpStop.full || answer === PumpStop.lost;
    if (answer !== PumpStop.lost) return stopped(answer);
    const waitMs = isLast ? 0 : nextSkipAt - performance.now();
    if (waitMs <= 0) skip();
    else skipTimer ??= setTimeout(skip, waitMs);
  };
  const skip = (): void => {
    clearTimeout(skipTimer);
    skipTimer = undefined;
    nextSkipAt = performance.now() + skipIntervalMs;
    const skipped = reader.skip();
    skippedBytes += skipped;
    take(options.onSkipped(skipped));
    send();
  };
  const stopped = (answer: number): void => {
    const stop = answer & 0xff;
    listener.onSent();
    if (stop === PumpStop.broken) end('left');
    else if (stop === PumpStop.sinkError) end(systemError(-(answer >> 8), 'write', 'write to a client'));
    else if (stop === PumpStop.empty && isLast) end('ended');
  };

  const watching = watch(sink.fd, EPOLLOUT, (events) => {
    if (events & EPOLLERR) end('left');
    else send();
  });
  take(options.firstBytes);
  return {
    get bytes() {
      return isOpen ? bytesSent() : finalBytes;
    },
    get behindBytes() {
      return head.length + reader.behindBytes;
    },
    get skippedBytes() {
      return skippedBytes;
    },
    slowReader,
    close,
    send() {
      if (!isFull) send();
    },
    finish() {
      isLast = true;
      if (slowReader.graceMs !== undefined) timer = setTimeout(() => end('ended'), slowReader.graceMs);
      send();
    },
  };
}

const nothing = new Uint8Array();

/** The shortest time between two skips: to send the replacement may cost more than to skip. */
const skipIntervalMs = 100;

const EAGAIN = 11;
const EPIPE = 32;
