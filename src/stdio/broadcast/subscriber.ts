/**
 * One that follows a console's output at a pace of its own, over a descriptor. The console waits for it only a little: if
 * it falls behind by more than the ring holds, what it missed is skipped.
 */
import { addon, PumpStop } from '../../native/addon.js';
import { EPOLLERR, EPOLLOUT, watch } from '../../os/epoll.js';
import { systemError } from '../../errors/errors.js';
import type { Ring } from './ring.js';

/** A subscriber to output, and what it gets first. */
export interface FollowOptions {
  /** Non-blocking, with events of its own (a FIFO, a socket). Taken over. */
  sink: { readonly fd: number; close(): void };
  /** What it gets first. What it is to be may take a moment. */
  firstBytes: FirstBytes | Promise<FirstBytes>;
  /** With how many of the bytes that have been it goes on then. */
  replayBytes: number;
  /**
   * It comes back, and so many bytes were skipped: what to send in their place. The present comes after it. For one that is
   * there, but too slow, this is asked a few times in a second.
   */
  onSkipped: (bytes: number) => FirstBytes | Promise<FirstBytes>;
  /** How long it is waited for; as a client, unless it is said. */
  slowReader?: SlowReaderLimits;
  /** Told once: it has left, the output has ended and it has all of it (or was too slow), or a write failed. */
  onEnd: (reason: 'left' | 'ended' | Error) => void;
}

/** What is sent before the output goes on. */
export interface FirstBytes {
  bytes: Uint8Array;
  /** It stands for all output up to here (see `bytes` of the broadcast), which is not sent; undefined for none of it. */
  upTo?: number | undefined;
}

/** How long the process waits for a slow subscriber. */
export interface SlowReaderLimits {
  /** How long the source waits for one that is behind by half of the ring, in milliseconds. */
  holdMs: number;
  /** Whether that begins anew whenever it has read something. */
  isForProgress: boolean;
  /** How long it may take for the rest when the output has ended; undefined: until it is closed. */
  graceMs: number | undefined;
}

/** A client sees what is there when it comes back. One that reads slowly must not be felt by the others. */
const forClient: SlowReaderLimits = { holdMs: 100, isForProgress: false, graceMs: 2000 };

/** A subscriber to output. */
export interface Subscriber {
  /** Bytes that its descriptor took. */
  readonly bytes: number;
  /** Bytes that it has not yet. */
  readonly behindBytes: number;
  readonly skippedBytes: number;
  /** Lets go of it, without a word. Idempotent. */
  close(): void;
}

export interface SubscriberControl extends Subscriber {
  readonly slowReader: SlowReaderLimits;
  /** Something was appended to the ring. */
  send(): void;
  /** Nothing will be appended any more: it ends when it has caught up, or when the time for that is up. */
  finish(): void;
}

export interface SubscriberListener {
  /** It has taken what it could. */
  onSent: () => void;
  onClosed: () => void;
}

export function createSubscriber(ring: Ring, options: FollowOptions, listener: SubscriberListener): SubscriberControl {
  const { sink, slowReader = forClient } = options;
  let reader = ring.reader(options.replayBytes);
  let head: Uint8Array = nothing;
  let isHeadDue = false;
  let headBytes = 0;
  /** For which a head has stood. */
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
    // What the ring has lost is skipped as ever.
    if (upTo === undefined || replayBytes > ring.capacity || replayBytes >= reader.behindBytes) return;
    coveredBytes += reader.behindBytes - replayBytes;
    reader.close();
    reader = ring.reader(replayBytes);
  };

  /** Whether the head has gone. */
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

/** What is sent in place of what was skipped may cost more than to skip. */
const skipIntervalMs = 100;

const EAGAIN = 11;
const EPIPE = 32;
