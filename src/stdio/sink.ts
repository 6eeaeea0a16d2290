/**
 * Where a console's output goes, and what happens there when nobody reads it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { FifoWriter } from '../os/fifo-stream.js';

/** What a copy asks of its output. */
export interface Sink {
  readonly fd: number;
  /** The sink takes no more now: wait for its event, or try again? */
  onFull(): 'wait' | 'retry';
  /** Nobody reads: try again, or give up? */
  onBroken(): 'end' | 'retry';
  /** Gives a reader until the signal to take what was written. Returns what nobody took. */
  flush(signal: AbortSignal): Promise<number>;
  /** Whether somebody is there to read. */
  hasReader(): boolean;
  close(): void;
  /** Bytes that were dropped because nobody read them. */
  readonly discardedBytes: number;
}

/**
 * What to do with output while nobody reads the FIFO.
 *
 * - `block`: as containerd does. The FIFO fills up, then the process waits; nothing is lost.
 * - `discard`: the process goes on, the oldest output is dropped and counted. A reader that is there, only slow, is
 *   waited for.
 * - `hangup`: a broken pipe ends the session.
 */
export const noReaderPolicies = ['block', 'discard', 'hangup'] as const;
export type NoReader = (typeof noReaderPolicies)[number];

/** Takes over the writer, and closes it if it throws. */
export function fifoSink(writer: FifoWriter, noReader: NoReader): Sink {
  try {
    if (noReader === 'block') writer.hold();
  } catch (error) {
    writer.close();
    throw error;
  }
  let discardedBytes = 0;
  return {
    fd: writer.fd,
    onFull() {
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
    flush: (signal) => (noReader === 'block' ? waitUntilRead(writer, signal) : Promise.resolve(unreadBytes(writer))),
    hasReader: () => writer.hasReader(),
    close: () => writer.close(),
    get discardedBytes() {
      return discardedBytes;
    },
  };
}

/** A sink that is written as it is: our own stdout, a file, /dev/null. Takes over `stream`. */
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
