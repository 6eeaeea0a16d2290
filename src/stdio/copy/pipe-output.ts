/**
 * One output of a process without a terminal: from its pipe into a sink, until the pipe ends or the sink breaks. A process
 * that has ended may have left others behind who write there.
 */
import { addon } from '../../native/addon.js';
import { EPOLLHUP, EPOLLIN, type PumpWatch, watchForPump } from '../../os/epoll.js';
import type { OwnedFd } from '../../os/owned-fd.js';
import { type PipeOwner, createPipe } from '../../os/pipe.js';
import { discardRest } from './discard-rest.js';
import type { Broadcast } from '../broadcast/broadcast.js';
import type { FlowStop } from './flow.js';
import { Output } from './output.js';
import type { Sink } from './sink.js';

export interface PipeOutputOptions {
  /** For messages. */
  name: string;
  /** Taken over, unless the constructor throws. */
  sink: Sink;
  owner: PipeOwner | undefined;
  /** Closes everything now. */
  signal: AbortSignal;
}

export class PipeOutput {
  /** For the process. To be closed when it has inherited it. */
  readonly theirs: OwnedFd;
  /** Settles when all that the process wrote was read from the pipe. */
  readonly drained: Promise<void>;
  /** Settles when nothing more is read from the pipe. */
  readonly ended: Promise<void>;
  /**
   * Settles when the sink was flushed and everything is closed, with the bytes that nobody took. Rejects for an errno that
   * is no part of a copy's life.
   */
  readonly done: Promise<number>;
  readonly #pipe: OwnedFd;
  readonly #sink: Sink;
  readonly #output: Output;
  #watch: PumpWatch | undefined;
  #resolveDrained!: () => void;
  #resolveEnded!: () => void;
  /** How many bytes of the process the sink has to take altogether; not known while the process may write. */
  #totalBytes: number | undefined;
  /** Whether it ends with those. */
  #isLimited = false;
  /** The sink has them, and others write. */
  #isLate = false;
  #isAbandoned = false;
  #isClosed = false;
  #leftBytes = 0;
  #failure: Error | undefined;

  constructor({ name, sink, owner, signal }: PipeOutputOptions) {
    const { ours, theirs } = createPipe({ ours: 'reader', name, owner });
    this.theirs = theirs;
    this.#pipe = ours;
    this.#sink = sink;
    this.drained = new Promise((resolve) => {
      this.#resolveDrained = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    const onError = (error: Error): void => this.#fail(error);
    try {
      this.#output = new Output({ source: ours.fd, sink, onStop: (stop) => this.#stopped(stop), onError });
    } catch (error) {
      ours.close();
      theirs.close();
      throw error;
    }
    signal.addEventListener('abort', () => theirs.close(), { once: true });
    signal.addEventListener('abort', () => this.#closePipe(), { once: true });
    this.done = this.#flush(signal);
    this.done.catch(() => {});
  }

  get bytes(): number {
    return this.#output.bytes;
  }

  /** For those who follow beside the sink. */
  get broadcast(): Broadcast {
    return this.#output.broadcast;
  }

  get discardedBytes(): number {
    return this.#sink.discardedBytes;
  }

  /** Whether somebody is there to take what is left in the pipe. */
  get hasReader(): boolean {
    return !this.#isClosed && this.#sink.hasReader();
  }

  /** From now on the output is copied. Idempotent. */
  start(): void {
    if (this.#watch !== undefined || this.#isClosed) return;
    this.#watch = watchForPump(this.#pipe.fd, EPOLLIN, (events) => this.#output.sourceReady(events));
    this.#output.start(this.#watch);
  }

  /**
   * All that the process will have written lies in the pipe, which tells exactly how much that is. What comes later is of
   * others, who may write for ever.
   *
   * @param isLimited whether they are cut off
   */
  drain(isLimited: boolean): void {
    if (this.#isClosed || this.#totalBytes !== undefined) return;
    const unread = this.#unreadBytes();
    this.#totalBytes = this.#output.bytes + this.#output.pendingBytes + unread;
    this.#isLimited = isLimited;
    this.#output.drain(unread);
  }

  /** After `drain`: lets go of the sink. What others still write is read and dropped, until the last of them has gone. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#closePipe();
  }

  #stopped(stop: Exclude<FlowStop, 'full'>): void {
    if (stop !== 'empty') this.#closePipe();
    else if (this.#totalBytes !== undefined && !this.#isLate) this.#drained();
  }

  /** Where nobody else has the pipe, the next read is its end. */
  #drained(): void {
    if (this.#isLimited) return this.#closePipe();
    this.#isLate = true;
    if ((addon.fd_poll(this.#pipe.fd) & EPOLLHUP) === 0) this.#resolveDrained();
    this.#output.readOn();
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#closePipe();
  }

  /** Unless it is abandoned, whoever still writes gets SIGPIPE, and need not wait for the reader of the sink. */
  #closePipe(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leftBytes = this.#untakenBytes();
    this.#watch?.close();
    this.#output.close();
    if (this.#isAbandoned) discardRest(this.#pipe);
    else this.#pipe.close();
    this.#resolveDrained();
    this.#resolveEnded();
  }

  /** Of others only what was read. */
  #untakenBytes(): number {
    const { bytes, pendingBytes } = this.#output;
    if (this.#isLate) return pendingBytes;
    return (this.#totalBytes ?? bytes + pendingBytes + this.#unreadBytes()) - bytes;
  }

  async #flush(signal: AbortSignal): Promise<number> {
    await this.ended;
    try {
      const unreadBytes = await this.#sink.flush(signal);
      if (this.#failure !== undefined) throw this.#failure;
      return this.#leftBytes + unreadBytes;
    } finally {
      this.#sink.close();
    }
  }

  #unreadBytes(): number {
    return Math.max(0, addon.fd_unread(this.#pipe.fd));
  }
}
