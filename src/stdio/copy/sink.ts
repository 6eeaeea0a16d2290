/** Sinks: where output goes, and what happens to it if no reader takes it. */
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
   * Called when the sink is full and has taken nothing for `waitedMs`. Returns what to do: `wait` for its next event,
   * wait for at most so many milliseconds, or `retry` at once.
   */
  onFull(waitedMs: number): 'wait' | 'retry' | number;
  /** Called when the sink has no reader. Returns whether to write again or to end the copy. */
  onBroken(): 'end' | 'retry';
  /** Waits until a reader has taken everything or `signal` aborts. Returns the number of bytes that no reader took. */
  flush(signal: AbortSignal): Promise<number>;
  /** Whether there is a reader. */
  hasReader(): boolean;
  close(): void;
  /** Bytes that were dropped because no reader took them. */
  readonly discardedBytes: number;
}

/**
 * What happens to output while the FIFO has no reader.
 *
 * - `block`: the FIFO fills up, then the process waits, as with containerd. Nothing is lost.
 * - `discard`: the process goes on; the oldest output is dropped and counted. A slow reader makes the process wait.
 * - `hangup`: the copy ends, and the terminal hangs up.
 */
export type NoReader = 'block' | 'discard' | 'hangup';
export const noReaderPolicies = ['block', 'discard', 'hangup'] as const satisfies readonly NoReader[];

/**
 * As `NoReader`; `skip` is for output that a log has too. It drops output as `discard` does, and also if a reader takes
 * nothing for a second.
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
 * If a reader takes nothing, the sink waits for it for `first`. Then it drops output, but after each `between` it waits
 * for `again`, so that the reader can show that it reads again.
 */
const slowReaderMs = { first: 1000, between: 1000, again: 20 };

function createReaderWait(): { restMs(hasReader: boolean, waitedMs: number): number } {
  let givenUpAt: number | undefined;
  let isWaiting = false;
  return {
    restMs(hasReader, waitedMs) {
      // The reader took something during the wait.
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

/** A sink that writes to one end of a log target. Takes over the end. `flush` waits for the whole log target. */
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
/** The pause between two checks of a FIFO for a reader. It doubles each time. */
const flushPollMs = { first: 25, longest: 1000 };

/** A reader can take the rest after this end is closed. Without a reader, the FIFO's content is lost with this end. */
function unreadBytes(writer: FifoWriter): number {
  return writer.hasReader() ? 0 : writer.unreadBytes;
}

/** The kernel reports no event when a reader comes back to a FIFO that is not full, so this polls. */
async function waitUntilRead(writer: FifoWriter, signal: AbortSignal): Promise<number> {
  for (let pauseMs = flushPollMs.first; ; pauseMs = Math.min(2 * pauseMs, flushPollMs.longest)) {
    const left = unreadBytes(writer);
    if (left === 0 || signal.aborted) return left;
    await delay(pauseMs, undefined, { signal }).catch(() => {});
  }
}
