/**
 * Copies one way, from a descriptor to a descriptor, until the source ends or the sink breaks.
 */
import { EPOLLERR, EPOLLIN, EPOLLOUT, type Watch, watch } from '../../os/epoll.js';
import { Flow, type FlowStop } from './flow.js';

/** The descriptors of a one-way copy. */
export interface CopyStreamOptions {
  /** Non-blocking, as is the sink. The caller owns both. */
  source: number;
  sink: number;
  /** Called once: with `end` after the last byte was written, `broken` if the sink has no reader, or an error. */
  onEnd: (end: 'end' | 'broken' | Error) => void;
}

/** A running one-way copy. */
export interface StreamCopy {
  /** Bytes that the sink took. */
  readonly bytes: number;
  /** The last byte that the sink took, -1 before the first. */
  readonly lastByte: number;
  /** Whether bytes wait because the sink is full. */
  readonly isBlocked: boolean;
  /** Stops the copy without a call of `onEnd`. Call it before you close a descriptor. Idempotent. */
  close(): void;
}

/**
 * Copies one way, from a descriptor to a descriptor, until the source ends or the sink breaks. If the source is a FIFO
 * that has no writer yet, the copy waits for one.
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
    flow.sourceReady(events);
  };
  try {
    watches.push(watch(sink, EPOLLOUT, onSink));
    watches.push(watch(source, EPOLLIN, onSource));
  } catch (error) {
    close();
    throw error;
  }
  const isAlwaysReady = watches[1] === undefined;
  if (isAlwaysReady) flow.startWithoutEvents();
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
