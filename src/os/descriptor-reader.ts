/** Reads a descriptor into JavaScript, one block after the other, as fast as the reader of the blocks goes. */
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { addon } from '../native/addon.js';
import { systemError } from '../errors/errors.js';
import { EPOLLERR, EPOLLHUP, EPOLLIN, type Watch, watch } from './epoll.js';

export interface DescriptorReaderOptions {
  /** Non-blocking, and watched only here. The caller owns it, and closes it only after the reader. */
  source: number;
  /** What is read, for messages, such as `output`. */
  name: string;
  /** Every block is read into it. The event loop takes a turn after each block, so that others are served too. */
  block: Uint8Array;
  /** Called with each block, which is valid during the call only. Return false to pause; then call `resume`. */
  onBytes: (bytes: Uint8Array) => boolean;
  /** Called once: at the end of the source or of a drain, or with the error of a read. */
  onEnd: (error?: Error) => void;
}

/** A FIFO that has had no writer yet has no end, so the reader waits for one. */
export class DescriptorReader {
  readonly #options: DescriptorReaderOptions;
  readonly #watching: Watch | undefined;
  /** A read of a pipe is short only if the pipe is empty then. A tty may have more. */
  readonly #isTty: boolean;
  /** A hang-up makes no further edge, so the source is read to its end after it. */
  #isToTheEnd = false;
  #isDraining = false;
  #leftBytes = Number.POSITIVE_INFINITY;
  #readBytes = 0;
  #isPaused = false;
  #isClosed = false;
  #turn: NodeJS.Immediate | undefined;

  constructor(options: DescriptorReaderOptions) {
    this.#options = options;
    this.#isTty = isatty(options.source);
    this.#watching = watch(options.source, EPOLLIN, (events) => {
      this.#isToTheEnd ||= (events & (EPOLLHUP | EPOLLERR)) !== 0;
      this.#read();
    });
    if (this.#watching !== undefined) return;
    this.#isToTheEnd = true;
    this.#readInTurn();
  }

  /** Bytes that were read. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /** Bytes that are in the source, and that the reader will still read. */
  get unreadBytes(): number {
    return this.#isClosed ? 0 : Math.min(this.#leftBytes, Math.max(0, addon.fd_unread(this.#options.source)));
  }

  /** Goes on after `onBytes` has returned false. */
  resume(): void {
    this.#isPaused = false;
    this.#read();
  }

  /** Reads the bytes that are in the source at the call, and ends: other processes may write there for ever. */
  drain(): void {
    if (this.#isClosed) return;
    this.#leftBytes = this.unreadBytes;
    this.#isDraining = true;
    this.#read();
  }

  /** Stops without a call of `onEnd`. Idempotent. */
  close(): void {
    this.#isClosed = true;
    clearImmediate(this.#turn);
    this.#watching?.close();
  }

  #read(): void {
    if (this.#isPaused || this.#isClosed) return;
    if (this.#leftBytes <= 0) return this.#end();
    const { source, block, onBytes } = this.#options;
    const into = this.#leftBytes < block.length ? block.subarray(0, this.#leftBytes) : block;
    const got = addon.fd_read(source, into);
    if (got <= 0) return this.#nothingRead(got);
    this.#leftBytes -= got;
    this.#readBytes += got;
    this.#isPaused = !onBytes(into.subarray(0, got));
    if (got === into.length || this.#isToTheEnd || this.#isDraining || this.#isTty) this.#readInTurn();
  }

  #nothingRead(answer: number): void {
    if (answer === -EINTR) this.#readInTurn();
    else if (answer === -EAGAIN || answer === 0) {
      if (this.#isDraining || (answer === 0 && this.#isToTheEnd)) this.#end();
    } else this.#end(systemError(answer, 'read', `read ${this.#options.name}`));
  }

  #readInTurn(): void {
    if (this.#isClosed) return;
    clearImmediate(this.#turn);
    this.#turn = setImmediate(() => this.#read());
  }

  #end(error?: Error): void {
    this.close();
    this.#options.onEnd(error);
  }
}

const { EAGAIN, EINTR } = constants.errno;
