/**
 * One output of a process without a terminal: from its pipe into a sink, until the pipe ends, the sink breaks, or what the
 * process has left in the pipe was read.
 */
import { addon } from '../native/addon.js';
import { EPOLLIN, type Watch, watch } from '../os/epoll.js';
import type { OwnedFd } from '../os/owned-fd.js';
import { type PipeOwner, createPipe } from '../os/pipe.js';
import type { FanOut } from './fan-out.js';
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
  /** Settles when nothing more is read from the pipe. */
  readonly drained: Promise<void>;
  /**
   * Settles when the sink was flushed and everything is closed, with the bytes that nobody took. Rejects for an errno that
   * is no part of a copy's life.
   */
  readonly done: Promise<number>;
  readonly #pipe: OwnedFd;
  readonly #sink: Sink;
  readonly #output: Output;
  #watch: Watch | undefined;
  #resolveDrained!: () => void;
  /** How many bytes the sink has to take altogether; not known while the process may write. */
  #totalBytes: number | undefined;
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
  get fanOut(): FanOut {
    return this.#output.fanOut;
  }

  get discardedBytes(): number {
    return this.#sink.discardedBytes;
  }

  /** Whether somebody is there to take what is left in the pipe. */
  get hasReader(): boolean {
    return this.#pipe.isOpen && this.#sink.hasReader();
  }

  /** From now on the output is copied. Idempotent. */
  start(): void {
    if (this.#watch !== undefined || !this.#pipe.isOpen) return;
    this.#watch = watch(this.#pipe.fd, EPOLLIN, (events) => this.#output.sourceReady(events));
    this.#output.start(this.#watch);
  }

  /**
   * The process has ended: all that it wrote lies in the pipe. What comes later is of others, who may write for ever. A
   * pipe tells exactly how much it holds.
   */
  drain(): void {
    if (!this.#pipe.isOpen || this.#totalBytes !== undefined) return;
    const unread = this.#unreadBytes();
    this.#totalBytes = this.#output.bytes + this.#output.pendingBytes + unread;
    this.#output.drain(unread);
  }

  #stopped(stop: Exclude<FlowStop, 'full'>): void {
    if (stop !== 'empty' || this.#totalBytes !== undefined) this.#closePipe();
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#closePipe();
  }

  /** Whoever still writes gets SIGPIPE, and need not wait for the reader of the sink. */
  #closePipe(): void {
    if (!this.#pipe.isOpen) return;
    const { bytes, pendingBytes } = this.#output;
    this.#leftBytes = (this.#totalBytes ?? bytes + pendingBytes + this.#unreadBytes()) - bytes;
    this.#watch?.close();
    this.#output.close();
    this.#pipe.close();
    this.#resolveDrained();
  }

  async #flush(signal: AbortSignal): Promise<number> {
    await this.drained;
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
