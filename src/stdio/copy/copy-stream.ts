/**
 * Copies one way, from a descriptor to a descriptor, until the source ends or the sink breaks.
 */
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, type Watch, watch } from '../../os/epoll.js';
import { Flow, type FlowStop } from './flow.js';

/** What is copied one way. */
export interface CopyStreamOptions {
  /** A non-blocking descriptor, as is the sink. Both stay the caller's. */
  source: number;
  sink: number;
  /**
   * Called once: with `end` after the last byte was written, with `broken` if nobody reads the sink, or with an error.
   */
  onEnd: (end: 'end' | 'broken' | Error) => void;
}

/** A copy one way that is going on. */
export interface StreamCopy {
  /** Bytes that the sink took. */
  readonly bytes: number;
  /** The last byte that the sink took, -1 before the first. */
  readonly lastByte: number;
  /** Whether the sink takes no more now. */
  readonly isBlocked: boolean;
  /** Stops; `onEnd` is not called any more. Call it before you close a descriptor. Idempotent. */
  close(): void;
}

/**
 * Copies one way, from a descriptor to a descriptor, until the source ends or the sink breaks. A FIFO that has no writer yet
 * is waited for.
 */
export function copyStream({ source, sink, onEnd }: CopyStreamOptions): StreamCopy {
  const watches: (Watch | undefined)[] = [];
  const close = (): void => {
    for (const watching of watches) watching?.close();
    flow.close();
  };
  const end = (how: 'end' | 'broken' | Error): void => {
    close();
    onEnd(how);
  };
  const onStop = (stop: FlowStop): 'wait' => {
    if (stop === 'end' || stop === 'hangup') end('end');
    if (stop === 'broken') end('broken');
    return 'wait';
  };
  const flow = new Flow({ source, sink, onStop, onError: end });
  const onSink = (events: number): void => {
    if (events & EPOLLERR) end('broken');
    else if (flow.isFull) flow.run();
  };
  const onSource = (events: number): void => {
    if (events & (EPOLLHUP | EPOLLERR)) flow.expectEnd();
    if (!flow.isFull) flow.run();
  };
  try {
    watches.push(watch(sink, EPOLLOUT, onSink));
    watches.push(watch(source, EPOLLIN, onSource));
  } catch (error) {
    close();
    throw error;
  }
  const isAlwaysReady = watches[1] === undefined;
  if (isAlwaysReady) {
    flow.expectEnd();
    setImmediate(() => flow.run());
  }
  return {
    get bytes() {
      return flow.bytes;
    },
    get lastByte() {
      return flow.lastByte;
    },
    get isBlocked() {
      return flow.isFull;
    },
    close,
  };
}
