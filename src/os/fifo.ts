/**
 * The two ends of a FIFO as owned, non-blocking descriptors. See fifo(7), pipe(7).
 *
 * open(2) of a FIFO blocks a thread until the other end is open. Here both ends are opened with O_NONBLOCK: a reader
 * opens at once, and a writer gets ENXIO as long as there is no reader, and tries again.
 */
import { constants, fstatSync, type Stats, statSync } from 'node:fs';
import { constants as os } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { addon } from '../native/addon.js';
import { EPOLLERR } from './epoll.js';
import { TermshimError, check } from '../errors/errors.js';
import { OwnedFd } from './owned-fd.js';
import { fileError } from '../errors/file-error.js';

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
const reopenAt = (fd: number): string => `/proc/self/fd/${fd}`;

/** Creates a FIFO of mode 0600. Throws ERR_SYSTEM, also if there is a file at `path`. */
export function createFifo(path: string): void {
  check(addon.fifo_create(path, 0o600), 'mkfifo', `create the FIFO ${path}`);
}

/** What both ends of a FIFO have: the descriptor, and an end of the other side that they may hold. */
export abstract class FifoEnd {
  readonly path: string;
  readonly #end: OwnedFd;
  readonly #otherSide: number;
  #holder: OwnedFd | undefined;

  protected constructor(path: string, end: OwnedFd, otherSide: number) {
    this.path = path;
    this.#end = end;
    this.#otherSide = otherSide;
  }

  get fd(): number {
    return this.#end.fd;
  }

  /**
   * Holds an end of the other side: a reader that holds sees no end of file, a writer that holds gets no EPIPE.
   * Idempotent.
   */
  hold(): void {
    this.#holder ??= OwnedFd.open(reopenAt(this.fd), this.#otherSide | O_NONBLOCK, `the FIFO ${this.path}`);
  }

  /** Closes the held end. Idempotent. */
  release(): void {
    this.#holder?.close();
    this.#holder = undefined;
  }

  /** Whether an end of the other side is held. */
  get isHeld(): boolean {
    return this.#holder !== undefined;
  }

  /** Closes both ends. Idempotent. What was written stays readable for as long as a reader holds the FIFO open. */
  close(): void {
    this.release();
    this.#end.close();
  }

  /** The held end; undefined without one. */
  protected get holder(): OwnedFd | undefined {
    return this.#holder;
  }
}

/**
 * The reading end of a FIFO. A read returns 0 before the first writer has opened the FIFO, and after the last writer
 * has closed it. Only the second is the end, and only then the kernel raises EPOLLHUP: wait for an event before you
 * take a 0 for the end.
 */
export class FifoReader extends FifoEnd {
  private constructor(path: string, end: OwnedFd) {
    super(path, end, O_WRONLY);
  }

  /** Opens at once, with or without a writer. Throws ERR_FIFO_INVALID if `path` is not a FIFO. */
  static open(path: string): FifoReader {
    assertFifo(path);
    const end = OwnedFd.open(path, O_RDONLY | O_NONBLOCK, `the FIFO ${path}`);
    return new FifoReader(path, confirmFifo(end, path));
  }
}

/** How long to wait for a reader. */
export interface OpenWriterOptions {
  /** In milliseconds. The default is 10,000; 0 waits without a limit. */
  timeoutMs?: number | undefined;
  /** Cancels the wait. */
  signal?: AbortSignal | undefined;
}

/**
 * The writing end of a FIFO. It opens only when there is a reader, because without one the output of a short process
 * would be lost.
 *
 * @example
 * ```js
 * import { writeSync } from 'node:fs';
 * import { createFifo, FifoReader, FifoWriter } from 'termshim';
 *
 * createFifo('fifo');
 * const reader = FifoReader.open('fifo');
 * const writer = await FifoWriter.open('fifo', { timeoutMs: 1000 });
 * writeSync(writer.fd, 'hello\n');
 * writer.close();
 * reader.close();
 * ```
 */
export class FifoWriter extends FifoEnd {
  private constructor(path: string, end: OwnedFd) {
    super(path, end, O_RDONLY);
  }

  /**
   * Waits for a reader. Fails with ERR_FIFO_INVALID, ERR_FIFO_TIMEOUT or the signal's reason.
   *
   * The kernel reports no event for a reader that waits in open(2), so this tries again, after pauses of 1 to 25 ms.
   */
  static async open(path: string, { timeoutMs = 10_000, signal }: OpenWriterOptions = {}): Promise<FifoWriter> {
    const deadline = timeoutMs > 0 ? performance.now() + timeoutMs : Number.POSITIVE_INFINITY;
    for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, 25)) {
      signal?.throwIfAborted();
      assertFifo(path);
      const end = OwnedFd.tryOpen(path, O_WRONLY | O_NONBLOCK, `the FIFO ${path}`, os.errno.ENXIO);
      if (end !== undefined) return new FifoWriter(path, confirmFifo(end, path));
      if (performance.now() >= deadline) {
        throw new TermshimError('ERR_FIFO_TIMEOUT', `nobody opened ${path} for reading within ${timeoutMs / 1000} s`);
      }
      await delay(pauseMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }

  /** Whether another reader exists. Closes the reading end of `hold` for a moment; the FIFO's bytes are not lost. */
  hasReader(): boolean {
    const wasHeld = this.isHeld;
    this.release();
    const revents = check(addon.fd_poll(this.fd), 'poll', `poll the FIFO ${this.path}`);
    if (wasHeld) this.hold();
    return (revents & EPOLLERR) === 0;
  }

  /** How many bytes were written and not read yet. */
  get unreadBytes(): number {
    return check(addon.fd_unread(this.fd), 'ioctl', `count the bytes in the FIFO ${this.path}`);
  }

  /** Reads the oldest bytes and drops them, if the FIFO is held. Returns how many. */
  dropOldest(maxBytes: number): number {
    return this.holder === undefined ? 0 : Math.max(0, addon.fd_discard(this.holder.fd, maxBytes));
  }
}

function assertFifo(path: string): void {
  const found = lookAt(path);
  if (found === undefined) throw new TermshimError('ERR_FIFO_INVALID', `there is no FIFO at ${path}`);
  if (!found.isFIFO()) throw new TermshimError('ERR_FIFO_INVALID', `${path} is not a FIFO`);
}

function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw fileError(error, `open the FIFO ${path}`);
  }
}

/** Another file may have got the path since `assertFifo`. */
function confirmFifo(end: OwnedFd, path: string): OwnedFd {
  if (fstatSync(end.fd).isFIFO()) return end;
  end.close();
  throw new TermshimError('ERR_FIFO_INVALID', `${path} is not a FIFO`);
}
