/** A command's stdout, when what it prints is its work. */
import { constants } from 'node:os';
import { EPOLLERR, watch } from '../../os/epoll.js';
import { fileError } from '../../errors/file-error.js';

/**
 * Resolves once it is written. When nobody reads any more, as after `| head -1`, the process ends without a word, and
 * with the status that a shell sees of a program that SIGPIPE ended; `ls` and `docker` end so too.
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
 * Ends the process so even while there is nothing to print: whoever reads stdout, such as `grep -m1`, may have seen enough.
 * It stays for as long as this is not disposed of.
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

/** The callback of a write tells of its error; Node throws when nobody listens to the event, which tells of it again. */
function listen(to: 'stdout' | 'stderr'): void {
  if (!listening.has(to)) process[to].on('error', () => {});
  listening.add(to);
}
