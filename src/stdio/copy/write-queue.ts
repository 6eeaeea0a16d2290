/** Writes bytes from JavaScript to a descriptor, and queues those for which it has no room yet. */
import { addon } from '../../native/addon.js';
import { EPOLLERR, EPOLLOUT, watch } from '../../os/epoll.js';
import { systemError } from '../../errors/errors.js';

export interface WriteQueue {
  /** Bytes that the descriptor did not take yet. */
  readonly pendingBytes: number;
  /** Keeps the bytes, without a copy, until the descriptor has taken them. Does nothing if the queue is closed. */
  write(bytes: Uint8Array): void;
  /** Drops pending bytes. Idempotent; call it before you close the descriptor. */
  close(): void;
}

export interface WriteQueueOptions {
  /** Non-blocking, and watched only here. The caller owns it. */
  fd: number;
  /** Called when bytes that had to wait have all been taken. */
  onDrain?: () => void;
  /** Called once: without an error if the other side has no reader, or with the error of a write. */
  onBroken: (error?: Error) => void;
}

export function createWriteQueue({ fd, onDrain, onBroken }: WriteQueueOptions): WriteQueue {
  const blocks: Uint8Array[] = [];
  let pendingBytes = 0;
  let isOpen = true;
  const close = (): void => {
    isOpen = false;
    blocks.length = 0;
    pendingBytes = 0;
    watching?.close();
  };
  const fail = (error?: Error): void => {
    if (!isOpen) return;
    close();
    onBroken(error);
  };
  const flush = (): void => {
    for (let block = blocks[0]; block !== undefined; block = blocks[0]) {
      const taken = addon.fd_write(fd, block);
      if (taken === -EAGAIN) return;
      if (taken < 0) return fail(taken === -EPIPE ? undefined : systemError(taken, 'write', 'write'));
      pendingBytes -= taken;
      if (taken < block.length) blocks[0] = block.subarray(taken);
      else blocks.shift();
    }
  };
  const watching = watch(fd, EPOLLOUT, (events) => {
    if (events & EPOLLERR) return fail();
    if (blocks.length === 0) return;
    flush();
    if (isOpen && blocks.length === 0) onDrain?.();
  });
  return {
    get pendingBytes() {
      return pendingBytes;
    },
    write(bytes) {
      if (!isOpen || bytes.length === 0) return;
      blocks.push(bytes);
      pendingBytes += bytes.length;
      if (blocks.length === 1) flush();
    },
    close,
  };
}

const EAGAIN = 11;
const EPIPE = 32;
