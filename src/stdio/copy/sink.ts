/**
 * Where a console's output goes, and what happens there when nobody reads it.
 */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { addon } from '../../native/addon.js';
import { check } from '../../errors/errors.js';
import type { FifoWriter } from '../../os/fifo.js';
import type { OwnedFd } from '../../os/owned-fd.js';
import type { OpenLogTarget } from '../log-target/log-target.js';

/** Where output goes, and what happens if it is not taken; made by `fifoSink` or `plainSink`. */
export interface Sink {
  readonly fd: number;
  /**
   * Called when the sink has taken nothing for `waitedMs`: wait for its next event, for so many milliseconds at most, or write
   * again at once?
   */
  onFull(waitedMs: number): 'wait' | 'retry' | number;
  /** Called when nobody reads: write again, or end the copy? */
  onBroken(): 'end' | 'retry';
  /** Waits until a reader has taken everything, or the signal. Returns the number of bytes that nobody took. */
  flush(signal: AbortSignal): Promise<number>;
  /** Whether there is a reader. */
  hasReader(): boolean;
  close(): void;
  /** Bytes that were dropped because nobody read them. */
  readonly discardedBytes: number;
}

/**
 * What happens to output while nobody reads the FIFO.
 *
 * - `block`: the FIFO fills up, then the process waits, as with containerd. Nothing is lost.
 * - `discard`: the process goes on; the oldest output is dropped and counted. A slow reader is waited for.
 * - `hangup`: the copy ends, and the terminal hangs up.
 */
export type NoReader = 'block' | 'discard' | 'hangup';
export const noReaderPolicies = ['block', 'discard', 'hangup'] as const satisfies readonly NoReader[];

/**
 * As `NoReader`; `skip` is for output that a log has too. It drops output as `discard` does, and does not wait for a reader
 * that takes nothing for a second either.
 */
export type FifoPolicy = NoReader | 'skip';

/** A sink that writes to a FIFO. Takes over the writer. Throws ERR_SYSTEM, with the writer closed. */
export function fifoSink(writer: FifoWriter, noReader: FifoPolicy = 'block'): Sink {
  const isHeld = noReader === 'block' || noReader === 'skip';
  try {
    if (isHeld) writer.hold();
  } catch (error) {
    writer.close();
    throw error;
  }
  let discardedBytes = 0;
  const readerWait = createReaderWait();
  return {
    fd: writer.fd,
    onFull(waitedMs) {
      if (noReader === 'skip') {
        const restMs = readerWait.restMs(writer.hasReader(), waitedMs);
        if (restMs > 0) return restMs;
        discardedBytes += writer.dropOldest(discardBytes);
        return 'retry';
      }
      if (noReader !== 'discard' || !writer.isHeld) return 'wait';
      if (writer.hasReader()) {
        writer.release();
        return 'wait';
      }
      discardedBytes += writer.dropOldest(discardBytes);
      return 'retry';
    },
    onBroken() {
      if (noReader === 'hangup') return 'end';
      writer.hold();
      return 'retry';
    },
    flush: (signal) => (isHeld ? waitUntilRead(writer, signal) : Promise.resolve(unreadBytes(writer))),
    hasReader: () => writer.hasReader(),
    close: () => writer.close(),
    get discardedBytes() {
      return discardedBytes;
    },
  };
}

/**
 * For how long a reader is waited for that takes nothing; and once it was given up, how often, and how long, it is given
 * the time to show that it reads again.
 */
const slowReaderMs = { first: 1000, between: 1000, again: 20 };

function createReaderWait(): { restMs(hasReader: boolean, waitedMs: number): number } {
  let givenUpAt: number | undefined;
  let isWaiting = false;
  return {
    restMs(hasReader, waitedMs) {
      // It has taken something while it was waited for.
      if (isWaiting && waitedMs === 0) givenUpAt = undefined;
      const now = performance.now();
      const isAsked = givenUpAt === undefined || now - givenUpAt >= slowReaderMs.between;
      const allowedMs = givenUpAt === undefined ? slowReaderMs.first : slowReaderMs.again;
      isWaiting = hasReader && isAsked && waitedMs < allowedMs;
      if (isWaiting) return allowedMs - waitedMs;
      if (hasReader && isAsked) givenUpAt = now;
      return 0;
    },
  };
}

/** A sink that writes to a descriptor: a file, /dev/null, stdout. Takes over `stream`. */
export function plainSink(stream: { readonly fd: number; close(): void }): Sink {
  return {
    fd: stream.fd,
    onFull: () => 'wait',
    onBroken: () => 'end',
    flush: () => Promise.resolve(0),
    hasReader: () => true,
    close: () => stream.close(),
    discardedBytes: 0,
  };
}

/** One end of a log target, taken over. A flush waits for all of the log target. */
export function logTargetSink(end: OwnedFd, { done }: OpenLogTarget): Sink {
  check(addon.fd_set_nonblocking(end.fd, true), 'fcntl', `make ${end.name} non-blocking`);
  return {
    ...plainSink(end),
    async flush(signal) {
      end.close();
      const settled = new AbortController();
      const aborted = once(signal, 'abort', { signal: settled.signal }).catch(() => {});
      if (!signal.aborted) await Promise.race([done, aborted]);
      settled.abort();
      return 0;
    },
  };
}

const discardBytes = 64 * 1024;
/** How often a FIFO is looked at for a reader: soon at first, and seldom where nobody has come for long. */
const flushPollMs = { first: 25, longest: 1000 };

/** A reader that is there takes the rest after we have closed; without one the FIFO's content dies with our end. */
function unreadBytes(writer: FifoWriter): number {
  return writer.hasReader() ? 0 : writer.unreadBytes;
}

/** No event tells that a reader came back to a FIFO that is not full, so this looks again and again. */
async function waitUntilRead(writer: FifoWriter, signal: AbortSignal): Promise<number> {
  for (let pauseMs = flushPollMs.first; ; pauseMs = Math.min(2 * pauseMs, flushPollMs.longest)) {
    const left = unreadBytes(writer);
    if (left === 0 || signal.aborted) return left;
    await delay(pauseMs, undefined, { signal }).catch(() => {});
  }
}
