/** Prints output that is the work of a command. */
import { constants } from 'node:os';
import { EPOLLERR, watch } from '../../os/epoll.js';
import { fileError } from '../../errors/file-error.js';

/**
 * Resolves when the text is written. If the reader has exited, as after `| head -1`, this process ends without a
 * message, with the exit status of a program that SIGPIPE has ended. `ls` and `docker` do the same.
 */
export function print(text: string | Uint8Array, to: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
  listen(to);
  return new Promise((resolve, reject) => {
    process[to].write(text, (error) => {
      if (error === null || error === undefined) resolve();
      else if ((error as NodeJS.ErrnoException).code === 'EPIPE') endUnread();
      else reject(fileError(error, `write to ${to}`));
    });
  });
}

/**
 * Ends the process in the same way as soon as the reader of stdout exits, even if there is nothing to print: `grep -m1`
 * may have found its line. Dispose of the result to stop this.
 */
export function endWithReader(): Disposable {
  const watching = watch(1, 0, (events) => {
    if (events & EPOLLERR) endUnread();
  });
  return { [Symbol.dispose]: () => watching?.close() };
}

function endUnread(): never {
  process.exit(128 + constants.signals.SIGPIPE);
}

const listening = new Set<string>();

/**
 * The callback of a write gets its error. Node also emits the error as an event, and throws if that has no listener.
 */
function listen(to: 'stdout' | 'stderr'): void {
  if (!listening.has(to)) process[to].on('error', () => {});
  listening.add(to);
}
