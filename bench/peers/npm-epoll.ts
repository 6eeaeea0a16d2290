/**
 * npm `epoll` and JavaScript buffers: what one writes with packages alone. It uses the tricks of limit.c (a short read
 * is the end of what there is, turns of 50 us, EPOLLOUT on the master only while input waits), so that what it loses
 * is the package's and the buffers'.
 */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import epoll from 'epoll';
import { addon } from '../../src/native/addon.js';
import { serve } from './serve.js';

const { Epoll } = epoll;
const { EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR, EPOLLET } = Epoll;

const openFifo = (path: string): number => openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
const scratch = Buffer.allocUnsafe(65536);
const fullPtyRead = 4095;
const turnMs = 0.05;

const listeners = new Map<number, (events: number) => void>();
const poller = new Epoll((_error, fd, events) => listeners.get(fd)?.(events));

function watch(fd: number, events: number, listener: (events: number) => void): void {
  listeners.set(fd, listener);
  poller.add(fd, events | EPOLLET);
}

/** The package must be told before a descriptor is closed, or it crashes. */
function closeWatched(fd: number): void {
  poller.remove(fd);
  listeners.delete(fd);
  closeSync(fd);
}

interface Copy {
  source: number;
  sink: number;
  pending: Buffer | undefined;
  hungUp: boolean;
  isClosed: boolean;
  onEnd(): void;
  onPending(waits: boolean): void;
}

serve(
  ({ master, stdinPath, stdoutPath }) =>
    new Promise((resolve) => {
      addon.fd_set_nonblocking(master, true);
      const stdin = openFifo(stdinPath);
      const stdout = openFifo(stdoutPath);
      const end = (): void => {
        input.isClosed = output.isClosed = true;
        for (const fd of [master, stdin, stdout]) closeWatched(fd);
        resolve();
      };
      const arm = (waits: boolean): void => {
        poller.modify(master, EPOLLIN | EPOLLET | (waits ? EPOLLOUT : 0));
      };
      const input = createCopy(stdin, master, { onEnd: () => undefined, onPending: arm });
      const output = createCopy(master, stdout, { onEnd: end, onPending: () => undefined });
      watch(stdin, EPOLLIN, () => sourceIsReady(input));
      watch(stdout, EPOLLOUT, () => sinkIsReady(output));
      watch(master, EPOLLIN, (events) => {
        if (events & EPOLLOUT) sinkIsReady(input);
        if (events & EPOLLHUP) output.hungUp = true;
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) sourceIsReady(output);
      });
    }),
);

function createCopy(source: number, sink: number, events: Pick<Copy, 'onEnd' | 'onPending'>): Copy {
  return { source, sink, pending: undefined, hungUp: false, isClosed: false, ...events };
}

function sourceIsReady(copy: Copy): void {
  if (copy.pending === undefined) run(copy);
}

function sinkIsReady(copy: Copy): void {
  if (copy.pending !== undefined) run(copy);
}

function run(copy: Copy): void {
  if (copy.isClosed) return;
  if (copy.pending !== undefined) {
    copy.pending = deliver(copy.sink, copy.pending);
    if (copy.pending !== undefined) return;
    copy.onPending(false);
  }
  const { length, state } = collect(copy);
  const left = deliver(copy.sink, scratch.subarray(0, length));
  if (left !== undefined) {
    copy.pending = Buffer.from(left);
    copy.onPending(true);
  } else if (state === 'ended') {
    copy.onEnd();
  } else if (state === 'more') {
    setImmediate(() => run(copy));
  }
}

function collect(copy: Copy): { length: number; state: 'empty' | 'ended' | 'more' } {
  const start = performance.now();
  let length = 0;
  while (length < scratch.length) {
    const got = attempt(() => readSync(copy.source, scratch, length, scratch.length - length, null));
    if (typeof got === 'string') return { length, state: got === 'EAGAIN' ? 'empty' : 'ended' };
    length += got;
    if (got < fullPtyRead && length < scratch.length && !copy.hungUp) return { length, state: 'empty' };
    if (performance.now() - start > turnMs) break;
  }
  return { length, state: 'more' };
}

/** Returns what the sink did not take. */
function deliver(sink: number, bytes: Buffer): Buffer | undefined {
  let left = bytes;
  while (left.length > 0) {
    const taken = attempt(() => writeSync(sink, left));
    if (typeof taken === 'string') return left;
    left = left.subarray(taken);
  }
  return undefined;
}

/** The answer of the call, or the errno by name. */
function attempt(call: () => number): number | string {
  try {
    return call();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EIO';
  }
}
