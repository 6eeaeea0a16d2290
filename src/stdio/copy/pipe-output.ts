/**
 * Copies stdout or stderr of a process without a terminal from its pipe into a sink, until the pipe ends or the sink
 * breaks. After the process has ended, other processes may still write to the pipe.
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
  /** Closes everything when it aborts. */
  signal: AbortSignal;
}

export class PipeOutput {
  /** The end for the process. Close it when the process has inherited it. */
  readonly theirs: OwnedFd;
  /** Settles when all output of the process was read from the pipe, or the pipe is closed. */
  readonly drained: Promise<void>;
  /** Settles when nothing more will be read from the pipe. */
  readonly ended: Promise<void>;
  /**
   * Settles when the sink was flushed and everything is closed, with the number of bytes that no reader took. Rejects
   * with a system error that is no normal end.
   */
  readonly done: Promise<number>;
  readonly #pipe: OwnedFd;
  readonly #sink: Sink;
  readonly #output: Output;
  #watch: PumpWatch | undefined;
  #resolveDrained!: () => void;
  #resolveEnded!: () => void;
  /** How many bytes the sink must take to have all output of the process; undefined while the process may write. */
  #totalBytes: number | undefined;
  /** Whether the copy ends after `totalBytes`. */
  #isLimited = false;
  /** Whether the sink has taken `totalBytes` and only other processes may still write. */
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

  /** Passes the output to subscribers besides the sink. */
  get broadcast(): Broadcast {
    return this.#output.broadcast;
  }

  get discardedBytes(): number {
    return this.#sink.discardedBytes;
  }

  /** Whether the pipe is open and the sink has a reader. */
  get hasReader(): boolean {
    return !this.#isClosed && this.#sink.hasReader();
  }

  /** Begins to copy the output. Idempotent. */
  start(): void {
    if (this.#watch !== undefined || this.#isClosed) return;
    this.#watch = watchForPump(this.#pipe.fd, EPOLLIN, (events) => this.#output.sourceReady(events));
    this.#output.start(this.#watch);
  }

  /**
   * Call it when the process has ended, or to end the copy. FIONREAD says how many bytes are in the pipe. Later bytes
   * are from other processes, which may never stop writing.
   *
   * @param isLimited whether the copy ends without these later bytes
   */
  drain(isLimited: boolean): void {
    if (this.#isClosed || this.#totalBytes !== undefined) return;
    const unread = this.#unreadBytes();
    this.#totalBytes = this.#output.bytes + this.#output.pendingBytes + unread;
    this.#isLimited = isLimited;
    this.#output.drain(unread);
  }

  /** After `drain`: does not go on with the output of other processes. */
  endAfterDrain(): void {
    this.#isLimited = true;
    if (this.#isLate) this.#closePipe();
  }

  /** After `drain`: closes the pipe, or reads and drops output of other processes until the last writer has gone. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#closePipe();
  }

  #stopped(stop: Exclude<FlowStop, 'full'>): void {
    if (stop !== 'empty') this.#closePipe();
    else if (this.#totalBytes !== undefined && !this.#isLate) this.#drained();
  }

  /** If no other process has the pipe open, the next read is its end. */
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

  /** Processes that still write get SIGPIPE, unless the output is abandoned. They do not wait for the sink's reader. */
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

  /** Of the output of other processes, only bytes that were read count. */
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
