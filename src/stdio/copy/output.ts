/**
 * The output half of a copy: from a console or a pipe into a sink, by the sink's policy. What it means that the source has
 * nothing more is for its owner to say.
 */
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, type PumpWatch, type Watch, watch } from '../../os/epoll.js';
import { type BroadcastControl, type Broadcast, createBroadcast } from '../broadcast/broadcast.js';
import { Flow, type FlowStop } from './flow.js';
import type { Sink } from './sink.js';

export interface OutputOptions {
  /** Both stay the caller's, and outlive the output. */
  source: number;
  sink: Sink;
  /** The source has nothing now, or the sink has given up. */
  onStop: (stop: Exclude<FlowStop, 'full'>) => void;
  onError: (error: Error) => void;
}

export class Output {
  readonly #options: OutputOptions;
  readonly #flow: Flow;
  #sinkWatch: Watch | undefined;
  #broadcast: BroadcastControl | undefined;
  #fullSince: number | undefined;
  /** Since when the sink has taken no byte more than these. */
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

  /** For those who follow beside the sink. It costs nothing before it is asked for. */
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

  /** Since when (as of `performance.now()`) the sink takes nothing, and the source waits; undefined while it takes. */
  get waitingSince(): number | undefined {
    return this.#flow.isFull ? this.#fullSince : undefined;
  }

  /** @param sourceWatch of the source, with `sourceReady` as its listener */
  start(sourceWatch: PumpWatch | undefined): void {
    this.#sinkWatch = watch(this.#options.sink.fd, EPOLLOUT, (events) => this.#sinkReady(events));
    this.#flow.serve(sourceWatch);
  }

  sourceReady(events: number): void {
    if (events & (EPOLLHUP | EPOLLERR)) this.#flow.expectEnd();
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !this.#flow.isFull) this.#flow.run();
  }

  /** Reads on until the source has nothing, but no more than `maxBytes`. */
  drain(maxBytes: number): void {
    this.#flow.expectEnd();
    this.#flow.limit(maxBytes);
    this.#flow.run();
  }

  /** After `drain`: reads whatever comes, to the end. */
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
