/** Reads a pipe in large blocks, for somebody who takes bytes and not a descriptor, until it ends. */
import { constants } from 'node:os';
import { addon } from '../native/addon.js';
import { EPOLLIN, watch } from '../os/epoll.js';
import type { OwnedFd } from '../os/owned-fd.js';

export interface PipeReaderOptions {
  /** The reading end, non-blocking. Taken over, unless it throws. */
  pipe: OwnedFd;
  /** The bytes are only lent. Answer false for: no more before `resume`. */
  onBytes: (bytes: Uint8Array) => boolean;
  /** Told once, when there will be no more. The pipe is closed then. */
  onEnd: () => void;
}

export interface PipeReader {
  /** There is room again. */
  resume(): void;
  /** What lies in the pipe now is all there is: whoever still writes may do so for ever. */
  drain(): void;
  /** Idempotent. `onEnd` is not called after it. */
  close(): void;
}

/** All that a pipe holds, unless it was enlarged; and a turn that nobody else will feel. */
const blockBytes = 64 * 1024;

/** One for all, since it is lent only within a turn. */
const block = Buffer.allocUnsafeSlow(blockBytes);

export function readPipe({ pipe, onBytes, onEnd }: PipeReaderOptions): PipeReader {
  let turn: NodeJS.Immediate | undefined;
  let isPaused = false;
  let leftBytes = Number.POSITIVE_INFINITY;
  const close = (): void => {
    clearImmediate(turn);
    watching?.close();
    pipe.close();
  };
  const end = (): void => {
    close();
    onEnd();
  };
  const run = (): void => {
    clearImmediate(turn);
    if (isPaused || !pipe.isOpen) return;
    const got = leftBytes === 0 ? 0 : addon.fd_read(pipe.fd, block.subarray(0, Math.min(leftBytes, blockBytes)));
    if (got === -constants.errno.EAGAIN && leftBytes === Number.POSITIVE_INFINITY) return;
    // Nothing but the end is left to say; no errno but EAGAIN is to be expected of a pipe.
    if (got <= 0) return end();
    leftBytes -= got;
    isPaused = !onBytes(block.subarray(0, got));
    turn = setImmediate(run);
  };
  const watching = watch(pipe.fd, EPOLLIN, run);
  return {
    resume() {
      isPaused = false;
      run();
    },
    drain() {
      if (!pipe.isOpen) return;
      leftBytes = Math.max(0, addon.fd_unread(pipe.fd));
      run();
    },
    close,
  };
}
