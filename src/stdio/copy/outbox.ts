/** Keeps bytes in JavaScript until a descriptor has room for them. For few bytes, such as typed input. */
import { constants } from 'node:os';
import { addon } from '../../native/addon.js';
import { EPOLLERR, EPOLLOUT, watch } from '../../os/epoll.js';

export interface Outbox {
  readonly pendingBytes: number;
  /** Takes over the bytes. Drops them if the sink is broken. */
  push(bytes: Uint8Array): void;
  /** Drops pending bytes. Idempotent; call it before you close the descriptor. */
  close(): void;
}

export interface OutboxOptions {
  /** Non-blocking. The caller owns it. */
  sink: number;
  /** Called when all bytes that had to wait were written, or the sink is broken. */
  onEmpty?: () => void;
}

export function createOutbox({ sink, onEmpty = () => {} }: OutboxOptions): Outbox {
  let pending: Uint8Array = new Uint8Array();
  let isOpen = true;
  const drop = (): void => {
    isOpen = false;
    pending = pending.subarray(pending.length);
  };
  const write = (): void => {
    while (pending.length > 0) {
      const taken = addon.fd_write(sink, pending);
      if (taken === -constants.errno.EAGAIN) return;
      if (taken < 0) drop();
      else pending = pending.subarray(taken);
    }
  };
  const watching = watch(sink, EPOLLOUT, (events) => {
    if (pending.length === 0) return;
    if (events & EPOLLERR) drop();
    write();
    if (pending.length === 0) onEmpty();
  });
  return {
    get pendingBytes() {
      return pending.length;
    },
    push(bytes) {
      if (!isOpen) return;
      pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
      write();
    },
    close() {
      drop();
      watching?.close();
    },
  };
}
