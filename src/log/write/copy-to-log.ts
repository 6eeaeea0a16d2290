/** Copies a descriptor into a log, as fast as the log has room. */
import { constants } from 'node:os';
import { addon } from '../../native/addon.js';
import { EPOLLHUP, EPOLLIN, watch } from '../../os/epoll.js';
import { systemError } from '../../errors/errors.js';
import type { LogStream } from '../encoder.js';
import type { Log } from './log.js';

export interface LogCopy {
  /** Settles when the source has ended, or was drained, and the log has all of it. Rejects if a read fails. */
  readonly done: Promise<void>;
  /** Call it when the log has room again. */
  resume(): void;
  /** Settles when the log has all bytes that are in the source at the call. */
  caughtUp(): Promise<void>;
  /** Reads the bytes that are in the source at the call, and ends: other processes may write there for ever. */
  drain(): void;
  /** Stops the copy; `done` never settles. Idempotent; call it before you close the source. */
  close(): void;
}

export interface LogCopyOptions {
  /** Non-blocking. The caller owns it, and keeps it open until `done`. */
  source: number;
  stream: LogStream;
  log: Pick<Log, 'write' | 'end'>;
}

export function copyToLog({ source, stream, log }: LogCopyOptions): LogCopy {
  let leftBytes = Number.POSITIVE_INFINITY;
  let readBytes = 0;
  let waiting: { at: number; resolve: () => void }[] = [];
  /** A hang-up makes no further edge, so the source is read to its end after it. */
  let isToTheEnd = false;
  let [isPaused, isOver] = [false, false];
  let turn: NodeJS.Immediate | undefined;
  let settle: (failure?: Error) => void;
  const done = new Promise<void>((resolve, reject) => {
    settle = (failure) => (failure === undefined ? resolve() : reject(failure));
  });
  const tellCaughtUp = (): void => {
    for (const { at, resolve } of waiting) if (isOver || at <= readBytes) resolve();
    waiting = waiting.filter(({ at }) => !isOver && at > readBytes);
  };
  const close = (): void => {
    isOver = true;
    tellCaughtUp();
    clearImmediate(turn);
    watching?.close();
  };
  const finish = (failure?: Error): void => {
    close();
    log.end(stream);
    settle(failure);
  };
  const runInTurn = (): void => {
    clearImmediate(turn);
    turn = setImmediate(run);
  };
  const run = (): void => {
    if (isOver || isPaused) return;
    if (leftBytes <= 0) return finish();
    const into = block.subarray(0, Math.min(block.length, leftBytes));
    const got = addon.fd_read(source, into);
    if (got === -EINTR) return runInTurn();
    if (got === -EAGAIN) return isToTheEnd ? finish() : undefined;
    if (got <= 0) return finish(got < 0 ? systemError(got, 'read', `read ${stream} for a log`) : undefined);
    leftBytes -= got;
    readBytes += got;
    isPaused = !log.write(stream, into.subarray(0, got));
    if (waiting.length > 0) tellCaughtUp();
    // After a short read the pipe is empty, and new bytes make a new edge.
    if (got === into.length || isToTheEnd) runInTurn();
  };
  const watching = watch(source, EPOLLIN, (events) => {
    isToTheEnd ||= (events & EPOLLHUP) !== 0;
    run();
  });
  if (watching === undefined) {
    isToTheEnd = true;
    runInTurn();
  }
  return {
    done,
    resume() {
      isPaused = false;
      run();
    },
    async caughtUp() {
      const unread = isOver ? 0 : Math.max(0, addon.fd_unread(source));
      if (unread > 0) await new Promise<void>((resolve) => waiting.push({ at: readBytes + unread, resolve }));
    },
    drain() {
      if (isOver) return;
      leftBytes = Math.min(leftBytes, Math.max(0, addon.fd_unread(source)));
      isToTheEnd = true;
      run();
    },
    close,
  };
}

/** A pipe holds 64 KiB (pipe(7)). Each read is passed on before the next begins, so all copies share one block. */
const block = Buffer.allocUnsafeSlow(64 * 1024);

const { EAGAIN, EINTR } = constants.errno;
