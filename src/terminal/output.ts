/** The output of a session, on its way to a human's terminal, which is to be given back as it was. */
import { constants } from 'node:os';
import { addon } from '../native/addon.js';
import { EPOLLERR, EPOLLHUP, EPOLLIN, watch } from '../os/epoll.js';
import { systemError } from '../errors/errors.js';
import type { CopyStreamOptions } from '../stdio/copy/copy-stream.js';
import { createWriteQueue } from '../stdio/copy/write-queue.js';
import { watchModes } from './modes.js';

interface TerminalOptions extends CopyStreamOptions {
  /** It is in raw mode. Then whoever leaves goes to a new line, if the session is in the middle of one. */
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
 * As `copyStream`, but through JavaScript, which looks for what the terminal is set to. Returns how to stop, which undoes
 * that: idempotent, and to be done after the end too.
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
  /** A block in a turn: keys are to be seen beside a flood. One turn at most waits, and none once the source may be closed. */
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
      // One that takes nothing now is not waited for.
      const isInLine = isOurs && !hasEnded && lastByte !== newline;
      addon.fd_write(sink, Buffer.from(modes.undo + (isInLine ? '\r\n' : '')));
    },
  };
}
