/** Reads from a non-blocking descriptor, as a client of a session does. */
import { addon } from '../../../src/native/addon.js';
import { EPOLLIN, type Watch, watch } from '../../../src/os/epoll.js';
import { within } from '../base/wait-for.js';

export interface Reader {
  /** What came so far. */
  bytes(): Buffer;
  text(): string;
  readonly byteCount: number;
  /** True after a read of 0 or EIO that an event announced. */
  readonly hasEnded: boolean;
  /** Resolves with all that came so far, as soon as `text` is in it. */
  expect(text: string): Promise<string>;
  /** Resolves with all, once `count` bytes have come. */
  hasBytes(count: number): Promise<Buffer>;
  /** Resolves with all at the end of the stream. */
  all(): Promise<Buffer>;
  /** Stops reading, so that back-pressure builds up. */
  pause(): void;
  resume(): void;
  /** Stops for good; the descriptor stays the caller's. Idempotent. */
  close(): void;
}

export function readFrom(fd: number): Reader {
  const chunks: Buffer[] = [];
  const block = Buffer.alloc(65536);
  const waiting = new Set<() => void>();
  let byteCount = 0;
  let hasEnded = false;
  let isPaused = false;
  let watching: Watch | undefined;

  const take = (): void => {
    if (isPaused || watching === undefined) return;
    while (!hasEnded) {
      const got = addon.fd_read(fd, block);
      if (got === -11) break;
      if (got <= 0) {
        hasEnded = true;
        break;
      }
      byteCount += got;
      chunks.push(Buffer.from(block.subarray(0, got)));
    }
    for (const check of waiting) check();
  };
  watching = watch(fd, EPOLLIN, take);

  const bytes = (): Buffer => Buffer.concat(chunks);
  const text = (): string => bytes().toString('latin1');
  const until = <T>(isThere: () => boolean, give: () => T, what: string): Promise<T> => {
    const arrived = new Promise<T>((resolve) => {
      const check = (): void => {
        if (!isThere()) return;
        waiting.delete(check);
        resolve(give());
      };
      waiting.add(check);
      check();
    });
    return within(arrived, what, 5000).catch((error: Error) => {
      throw new Error(`${error.message}; ${byteCount} bytes came: ${JSON.stringify(text().slice(-300))}`);
    });
  };
  return {
    bytes,
    text,
    get byteCount() {
      return byteCount;
    },
    get hasEnded() {
      return hasEnded;
    },
    expect: (wanted) => until(() => text().includes(wanted), text, JSON.stringify(wanted)),
    hasBytes: (count) => until(() => byteCount >= count, bytes, `${count} bytes`),
    all: () => until(() => hasEnded, bytes, 'the end'),
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      take();
    },
    close() {
      watching?.close();
      watching = undefined;
    },
  };
}
