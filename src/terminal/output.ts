/** Copies the output of a session to a terminal, and restores the terminal's modes at the end. */
import { constants } from 'node:os';
import { addon } from '../native/addon.js';
import { EPOLLERR, EPOLLHUP, EPOLLIN, watch } from '../os/epoll.js';
import { systemError } from '../errors/errors.js';
import type { CopyStreamOptions } from '../stdio/copy/copy-stream.js';
import { createWriteQueue } from '../stdio/copy/write-queue.js';
import { watchModes } from './modes.js';

interface TerminalOptions extends CopyStreamOptions {
  /** Whether the terminal is in raw mode. Then a stop in the middle of a line starts a new line. */
  isOurs: boolean;
}

interface TerminalCopy {
  /** Whether the terminal takes no more now. */
  readonly isBlocked: boolean;
  close(): void;
}

const blockBytes = 64 * 1024;
const newline = 0x0a;

/**
 * As `copyStream`, but through JavaScript, which watches the modes that the output sets. `close` stops the copy and
 * undoes the modes. It is idempotent. Call it after the end too.
 */
export function copyToTerminal({ source, sink, onEnd, isOurs }: TerminalOptions): TerminalCopy {
  const modes = watchModes();
  let turn: NodeJS.Immediate | undefined;
  let isHungUp = false;
  let hasEnded = false;
  let lastByte = newline;
  let isOpen = true;
  let isStopped = false;

  const stop = (): void => {
    isStopped = true;
    clearImmediate(turn);
    watching?.close();
    queue.close();
  };
  const end = (how: 'end' | 'broken' | Error): void => {
    stop();
    onEnd(how);
  };
  /**
   * Reads one block in a turn of the event loop, so that keys are seen during a flood. At most one turn is scheduled,
   * and none after the stop, because the source may be closed then.
   */
  const readSoon = (): void => {
    clearImmediate(turn);
    if (!isStopped) turn = setImmediate(read);
  };
  const read = (): void => {
    if (isStopped || queue.pendingBytes > 0) return;
    const block = Buffer.allocUnsafe(blockBytes);
    const got = addon.fd_read(source, block);
    if (got > 0) {
      const bytes = block.subarray(0, got);
      modes.see(bytes);
      lastByte = bytes.at(-1) as number;
      queue.write(bytes);
      if (queue.pendingBytes === 0) readSoon();
    } else if (got === 0) {
      hasEnded = isHungUp;
      if (hasEnded) end('end');
    } else if (got !== -constants.errno.EAGAIN) {
      end(systemError(got, 'read', 'read output'));
    }
  };
  const queue = createWriteQueue({
    fd: sink,
    onDrain: readSoon,
    onBroken: (error) => end(error ?? 'broken'),
  });
  const watching = watch(source, EPOLLIN, (events) => {
    isHungUp ||= (events & (EPOLLHUP | EPOLLERR)) !== 0;
    read();
  });
  return {
    get isBlocked() {
      return isOpen && queue.pendingBytes > 0;
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      stop();
      // If the terminal takes nothing now, this does not wait for it.
      const isInLine = isOurs && !hasEnded && lastByte !== newline;
      addon.fd_write(sink, Buffer.from(modes.undo + (isInLine ? '\r\n' : '')));
    },
  };
}
