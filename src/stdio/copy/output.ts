/**
 * The output half of a copy: from a console or a pipe into a sink, by the sink's policy. The owner of the output
 * decides what an empty source means.
 */
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, type PumpWatch, type Watch, watch } from '../../os/epoll.js';
import { type BroadcastControl, type Broadcast, createBroadcast } from '../broadcast/broadcast.js';
import { Flow, type FlowStop } from './flow.js';
import type { Sink } from './sink.js';

export interface OutputOptions {
  /** The caller owns both, and closes them only after the output. */
  source: number;
  sink: Sink;
  /** Called when the source is empty or has ended, or when the sink is broken and does not retry. */
  onStop: (stop: Exclude<FlowStop, 'full'>) => void;
  onError: (error: Error) => void;
}

export class Output {
  readonly #options: OutputOptions;
  readonly #flow: Flow;
  #sinkWatch: Watch | undefined;
  #broadcast: BroadcastControl | undefined;
  #fullSince: number | undefined;
  /** How many bytes the sink had taken when it was last full, and since when that number is the same. */
  #stuck = { bytes: -1, since: 0 };
  #askAgain: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: OutputOptions) {
    const { source, sink, onError } = options;
    this.#options = options;
    this.#flow = new Flow({ source, sink: sink.fd, onStop: (stop) => this.#stopped(stop), onError });
  }

  /** Bytes that the sink took. */
  get bytes(): number {
    return this.#flow.bytes;
  }

  /** Bytes that were read and that the sink did not take yet. */
  get pendingBytes(): number {
    return this.#flow.pendingBytes;
  }

  /** Passes the output to subscribers besides the sink. Created at the first access. */
  get broadcast(): Broadcast {
    if (this.#broadcast !== undefined) return this.#broadcast;
    const broadcast = createBroadcast({
      tap: (ring) => this.#flow.tap(ring, () => broadcast.moved()),
      onFollowed: (isFollowed) => this.#flow.setFollowed(isFollowed),
      onPaused: (isPaused) => this.#flow.setPaused(isPaused),
    });
    this.#broadcast = broadcast;
    if (this.#isClosed) broadcast.finish();
    return broadcast;
  }

  /** Since when the source waits for the full sink, as of `performance.now()`; undefined while the sink takes bytes. */
  get waitingSince(): number | undefined {
    return this.#flow.isFull ? this.#fullSince : undefined;
  }

  /** @param sourceWatch the watch of the source; its listener is `sourceReady` */
  start(sourceWatch: PumpWatch | undefined): void {
    this.#sinkWatch = watch(this.#options.sink.fd, EPOLLOUT, (events) => this.#sinkReady(events));
    this.#flow.serve(sourceWatch);
  }

  sourceReady(events: number): void {
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) this.#flow.sourceReady(events);
  }

  /** Reads until the source is empty, but at most `maxBytes`. */
  drain(maxBytes: number): void {
    this.#flow.expectEnd();
    this.#flow.limit(maxBytes);
    this.#flow.run();
  }

  /** After `drain`: reads on without a limit, to the end. */
  readOn(): void {
    this.#flow.unlimit();
    this.#flow.run();
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#askAgain);
    this.#sinkWatch?.close();
    this.#flow.close();
    this.#broadcast?.finish();
  }

  #sinkReady(events: number): void {
    if (events & EPOLLERR) {
      if (this.#stopped('broken') === 'retry') this.#flow.run();
    } else if (this.#flow.isFull) {
      this.#flow.run();
    }
  }

  #stopped(stop: FlowStop): 'wait' | 'retry' {
    const { sink, onStop } = this.#options;
    if (stop === 'full') return this.#full();
    this.#fullSince = undefined;
    if (stop === 'broken' && sink.onBroken() === 'retry') return 'retry';
    onStop(stop);
    return 'wait';
  }

  #full(): 'wait' | 'retry' {
    const now = performance.now();
    this.#fullSince ??= now;
    const { bytes } = this.#flow;
    if (this.#stuck.bytes !== bytes) this.#stuck = { bytes, since: now };
    const answer = this.#options.sink.onFull(now - this.#stuck.since);
    if (typeof answer !== 'number') return answer;
    clearTimeout(this.#askAgain);
    this.#askAgain = setTimeout(() => this.#flow.run(), answer);
    return 'wait';
  }
}
