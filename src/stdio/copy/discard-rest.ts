/** Reads and drops output of processes that still have a pipe or a tty open, so that they get no SIGPIPE or SIGHUP. */
import { constants } from 'node:fs';
import { addon } from '../../native/addon.js';
import { EPOLLHUP } from '../../os/epoll.js';
import { OwnedFd } from '../../os/owned-fd.js';
import { copyStream } from './copy-stream.js';

/**
 * Takes over the reading end of a pipe, or a console. Closes it at once if no process can write to it, else when the
 * last writer has gone. Does nothing if it is closed already.
 */
export function discardRest(source: { readonly fd: number; readonly isOpen: boolean; close(): void }): void {
  if (!source.isOpen) return;
  if (addon.fd_poll(source.fd) & EPOLLHUP) return source.close();
  const sink = OwnedFd.open('/dev/null', constants.O_WRONLY, '/dev/null');
  const close = (): void => {
    sink.close();
    source.close();
  };
  try {
    copyStream({ source: source.fd, sink: sink.fd, onEnd: close });
  } catch (error) {
    close();
    throw error;
  }
}
