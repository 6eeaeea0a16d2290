/** From a descriptor into a log, as fast as the log takes it. */
import { constants } from 'node:os';
import { addon } from '../../native/addon.js';
import { EPOLLHUP, EPOLLIN, watch } from '../../os/epoll.js';
import { systemError } from '../../errors/errors.js';
import type { LogStream } from '../encoder.js';
import type { Log } from './log.js';

export interface LogCopy {
  /** Settles when the source has ended, or was drained, and the log has all of it. Rejects if a read fails. */
  readonly done: Promise<void>;
  /** The log has room again. */
  resume(): void;
  /** Settles when the log has what is in the source now. */
  caughtUp(): Promise<void>;
  /** Reads what is in the source now, and no more: whoever writes there may never end. */
  drain(): void;
  /** Stops, and `done` never settles. Idempotent; must come before the source is closed. */
  close(): void;
}

export interface LogCopyOptions {
  /** Non-blocking; it stays the caller's, and open until `done`. */
  source: number;
  stream: LogStream;
  log: Pick<Log, 'write' | 'end'>;
}

export function copyToLog({ source, stream, log }: LogCopyOptions): LogCopy {
  let leftBytes = Number.POSITIVE_INFINITY;
  let readBytes = 0;
  let waiting: { at: number; resolve: () => void }[] = [];
  /** A hang-up makes no further edge, so what is left is read until there is no more. */
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
    // A pipe that gives less than was asked for is empty, and tells of what comes next.
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

/** A pipe holds as much (pipe(7)). Each read is over before the next begins, so there is one block for all. */
const block = Buffer.allocUnsafeSlow(64 * 1024);

const { EAGAIN, EINTR } = constants.errno;
