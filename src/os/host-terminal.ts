/**
 * The terminal that a human sits at: our own stdin and stdout, when they are one.
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

/** The size of the first of our standard descriptors that is a tty with one. */
export function hostSize(): Size | undefined {
  for (const fd of [0, 1, 2]) {
    const packed = addon.tty_get_size(fd);
    if (packed > 0) return { columns: packed >>> 16, rows: packed & 0xffff };
  }
  return undefined;
}

/** Calls `onResize` with each new size of the terminal. Returns how to stop. */
export function watchHostSize(onResize: (size: Size) => void): () => void {
  const resized = (): void => {
    const size = hostSize();
    if (size !== undefined) onResize(size);
  };
  process.on('SIGWINCH', resized);
  return () => void process.off('SIGWINCH', resized);
}

/** Our stdin (0), stdout (1) or stderr (2) as a non-blocking descriptor of our own. */
export interface HostStream {
  readonly fd: number;
  /** Idempotent. */
  close(): void;
}

/**
 * O_NONBLOCK belongs to the open file description, which we share with the shell that started us, and which a kill -9
 * would leave changed. So the file is opened anew, with two exceptions: a regular file, whose offset we must share, and
 * which never blocks; and what cannot be opened (a socket has no path, a tty may be another user's) or would not tell
 * its end anew (a FIFO whose last writer has left), where the shared description is changed, and changed back on close.
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
 * Puts the terminal at stdin into raw mode, so that each key goes to the container as it is. Returns how to restore it,
 * or undefined if stdin is no terminal.
 *
 * It is restored on exit and on an uncaught exception too; whoever calls this handles the signals that end a process,
 * because a process that a signal ends runs no exit handler. A stop (SIGTSTP) gives the terminal back for its duration.
 */
export function enterRawMode(): (() => void) | undefined {
  if (!isatty(0)) return undefined;
  const saved = new Uint8Array(64);
  check(addon.tty_get_termios(0, saved), 'tcgetattr', 'read the modes of the terminal');
  let isRaw = true;
  /* SIGCONT also comes with the SIGHUP of a terminal that was closed: what that answers no longer matters. */
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
