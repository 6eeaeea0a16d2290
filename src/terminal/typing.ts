/**
 * Copies what a human types to a session, and looks for the detach keys. It sees them even while the session takes no
 * input.
 */
import { DescriptorReader } from '../os/descriptor-reader.js';
import { createWriteQueue } from '../stdio/copy/write-queue.js';
import { createDetachMatcher } from './detach-keys.js';

export interface TypingOptions {
  /** The terminal, non-blocking, in raw mode. It stays the caller's. */
  source: number;
  /** The session's stdin, non-blocking; it stays the caller's. Undefined for a read-only client: input is dropped. */
  sink: number | undefined;
  detachKeys: Uint8Array;
  /** Called when the keys were typed, and the session has taken the input before them, or has not within 500 ms. */
  onDetach: () => void;
}

/** If the session has not taken so many bytes, further input waits in the terminal, the detach keys too. */
const mostBytes = 1024 * 1024;

/** How long a detach waits for a session that does not take the input before it. */
const farewellMs = 500;

/**
 * Returns an idempotent function that stops the copy and drops what was not taken. The terminal's end is not reported.
 */
export function copyTyping({ source, sink, detachKeys, onDetach }: TypingOptions): () => void {
  const matcher = createDetachMatcher(detachKeys);
  let farewell: NodeJS.Timeout | undefined;
  let isLeaving = false;

  const leave = (): void => {
    stop();
    onDetach();
  };
  /** The session has taken all that waited, or takes nothing more. */
  const goOn = (): void => (isLeaving ? leave() : reader.resume());
  const queue = sink === undefined ? undefined : createWriteQueue({ fd: sink, onDrain: goOn, onBroken: goOn });
  const pendingBytes = (): number => queue?.pendingBytes ?? 0;

  function take(typed: Uint8Array): boolean {
    const { deliver, isComplete } = matcher.feed(typed);
    if (deliver.length > 0) queue?.write(deliver);
    isLeaving = isComplete;
    if (!isLeaving) return pendingBytes() < mostBytes;
    if (pendingBytes() === 0) leave();
    else farewell = setTimeout(leave, farewellMs);
    return false;
  }

  function stop(): void {
    clearTimeout(farewell);
    reader.close();
    queue?.close();
  }

  const reader = new DescriptorReader({
    source,
    name: 'what is typed',
    block: new Uint8Array(4096),
    // The queue keeps the bytes.
    onBytes: (bytes) => take(bytes.slice()),
    // The terminal was closed: the bytes that looked like the beginning of the keys are delivered.
    onEnd: () => queue?.write(matcher.held),
  });
  return stop;
}
