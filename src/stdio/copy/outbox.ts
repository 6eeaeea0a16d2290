/** Bytes that JavaScript holds until a descriptor has room for them: a few that were typed, never a flood. */
import { constants } from 'node:os';
import { addon } from '../../native/addon.js';
import { EPOLLERR, EPOLLOUT, watch } from '../../os/epoll.js';

export interface Outbox {
  readonly pendingBytes: number;
  /** Takes the bytes over. They are dropped if nobody reads any more. */
  push(bytes: Uint8Array): void;
  /** Drops what is left. Idempotent; must come before the descriptor is closed. */
  close(): void;
}

export interface OutboxOptions {
  /** Non-blocking. It stays the caller's. */
  sink: number;
  /** Told when what had to wait has been taken, or nobody reads any more. */
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
