/**
 * The terminal that a human sits at: stdin and stdout of this process, if they are a terminal.
 */
import { constants, fstatSync } from 'node:fs';
import { constants as os } from 'node:os';
import { isatty } from 'node:tty';
import { addon } from '../native/addon.js';
import { atExit } from '../async/at-exit.js';
import type { Size } from './console.js';
import { EPOLLHUP } from './epoll.js';
import { check } from '../errors/errors.js';
import { OwnedFd } from './owned-fd.js';

const { O_NONBLOCK, O_NOCTTY, O_RDONLY, O_WRONLY } = constants;

/** The size of the first of stdin, stdout and stderr that is a tty with a size. */
export function hostSize(): Size | undefined {
  for (const fd of [0, 1, 2]) {
    const packed = addon.tty_get_size(fd);
    if (packed > 0) return { columns: packed >>> 16, rows: packed & 0xffff };
  }
  return undefined;
}

/** Calls `onResize` with each new size of the terminal, until the returned function is called. */
export function watchHostSize(onResize: (size: Size) => void): () => void {
  const resized = (): void => {
    const size = hostSize();
    if (size !== undefined) onResize(size);
  };
  process.on('SIGWINCH', resized);
  return () => void process.off('SIGWINCH', resized);
}

/** A second, non-blocking descriptor of stdin, stdout or stderr. */
export interface HostStream {
  readonly fd: number;
  /** Idempotent. */
  close(): void;
}

/**
 * O_NONBLOCK belongs to the open file description, which this process shares with the shell that started it, and which
 * would keep the flag after a `kill -9`. So this opens the file again, with two exceptions. A regular file never
 * blocks, and its offset must stay shared. If the file cannot be opened (a socket has no path, a tty may belong to
 * another user), or would not report its end again (a FIFO whose last writer has closed it), this changes the shared
 * description, and changes it back on close.
 */
export function openHostStream(standard: 0 | 1 | 2): HostStream {
  const name = ['stdin', 'stdout', 'stderr'][standard] as string;
  const isFile = fstatSync(standard).isFile();
  const access = standard === 0 ? O_RDONLY : O_WRONLY;
  const fd = isFile ? -1 : addon.fd_open(`/proc/self/fd/${standard}`, access | O_NONBLOCK | O_NOCTTY, 0);
  const own = fd >= 0 ? new OwnedFd(fd, name) : undefined;
  if (own !== undefined && (addon.fd_poll(standard) & EPOLLHUP) === 0) return own;
  own?.close();
  const shared = new OwnedFd(check(addon.fd_duplicate(standard), 'fcntl', `duplicate ${name}`), name);
  if (isFile || addon.fd_set_nonblocking(shared.fd, true) === 1) return shared;
  return {
    fd: shared.fd,
    close() {
      if (shared.isOpen) addon.fd_set_nonblocking(shared.fd, false);
      shared.close();
    },
  };
}

/**
 * Puts the terminal at stdin into raw mode, so that each key reaches the container unchanged. Returns the function that
 * restores the terminal, or undefined if stdin is not a terminal.
 *
 * The terminal is also restored at exit, after an uncaught exception, and while the process is stopped (SIGTSTP). The
 * caller must handle the signals that kill a process, because such a process runs no exit handler.
 */
export function enterRawMode(): (() => void) | undefined {
  if (!isatty(0)) return undefined;
  const saved = new Uint8Array(64);
  check(addon.tty_get_termios(0, saved), 'tcgetattr', 'read the modes of the terminal');
  let isRaw = true;
  /* SIGCONT also comes with the SIGHUP of a terminal that was closed. Then tty_set_raw fails, which does not matter. */
  const rawAgain = (): void => {
    isRaw = addon.tty_set_raw(0) === 0;
  };
  const cook = (): void => {
    if (isRaw) addon.tty_set_termios(0, saved);
    isRaw = false;
  };
  const stop = (): void => {
    cook();
    process.kill(process.pid, os.signals.SIGSTOP);
  };
  check(addon.tty_set_raw(0), 'tcsetattr', 'put the terminal into raw mode');
  const forgetAtExit = atExit(cook);
  process.on('SIGTSTP', stop).on('SIGCONT', rawAgain);
  return () => {
    forgetAtExit();
    process.off('SIGTSTP', stop).off('SIGCONT', rawAgain);
    cook();
  };
}
