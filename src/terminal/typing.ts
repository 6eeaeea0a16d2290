/**
 * What a human types, on its way to a session: each key is looked at, since some of them mean to leave. They are seen even
 * while the session takes nothing.
 */
import { constants } from 'node:os';
import { addon } from '../native/addon.js';
import { EPOLLIN, watch } from '../os/epoll.js';
import { createOutbox } from '../stdio/copy/outbox.js';
import { createDetachMatcher } from './detach-keys.js';

export interface TypingOptions {
  /** The terminal, non-blocking, in raw mode. It stays the caller's. */
  source: number;
  /** The session's stdin, likewise. Undefined for a session that is only looked at: what is typed is dropped. */
  sink: number | undefined;
  detachKeys: Uint8Array;
  /** The keys were typed, and what came before them was taken, or was not within a moment. */
  onDetach: () => void;
}

/** A paste of more waits in the terminal, and the keys behind it too. */
const mostBytes = 1024 * 1024;

/** How long somebody who wants to leave waits for a session that does not take what was typed before. */
const farewellMs = 500;

/** Returns how to stop, which is idempotent and drops what was not taken. The end of the terminal is no event here. */
export function copyTyping({ source, sink, detachKeys, onDetach }: TypingOptions): () => void {
  const matcher = createDetachMatcher(detachKeys);
  const block = new Uint8Array(4096);
  let farewell: NodeJS.Timeout | undefined;
  let isLeaving = false;
  let hasEnded = false;

  const leave = (): void => {
    stop();
    onDetach();
  };
  const onEmpty = (): void => (isLeaving ? leave() : read());
  const box = sink === undefined ? undefined : createOutbox({ sink, onEmpty });

  const hasRoom = (): boolean => (box?.pendingBytes ?? 0) < mostBytes;

  function read(): void {
    while (!isLeaving && !hasEnded && hasRoom()) {
      const got = addon.fd_read(source, block);
      if (got === -constants.errno.EAGAIN) return;
      if (got <= 0) return end();
      take(block.slice(0, got));
    }
  }

  function take(typed: Uint8Array): void {
    const { deliver, isComplete } = matcher.feed(typed);
    if (deliver.length > 0) box?.push(deliver);
    isLeaving = isComplete;
    if (!isLeaving) return;
    if ((box?.pendingBytes ?? 0) === 0) leave();
    else farewell = setTimeout(leave, farewellMs);
  }

  /** A terminal that was closed: what looked like the beginning of the keys was not. */
  function end(): void {
    hasEnded = true;
    box?.push(matcher.held);
  }

  function stop(): void {
    clearTimeout(farewell);
    watching?.close();
    box?.close();
    hasEnded = true;
  }

  const watching = watch(source, EPOLLIN, read);
  return stop;
}
