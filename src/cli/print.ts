/** A command's stdout, when what it prints is its work. */
import { constants } from 'node:os';
import { fileError } from '../os/file-error.js';

/**
 * Resolves once it is written. When nobody reads any more, as after `| head -1`, the process ends without a word, and
 * with the status that a shell sees of a program that SIGPIPE ended; `ls` and `docker` end so too.
 */
export function print(text: string): Promise<void> {
  listen();
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error === null || error === undefined) resolve();
      else if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(128 + constants.signals.SIGPIPE);
      else reject(fileError(error, 'write to stdout'));
    });
  });
}

let isListening = false;

/** The callback of a write tells of its error; Node throws when nobody listens to the event, which tells of it again. */
function listen(): void {
  if (!isListening) process.stdout.on('error', () => {});
  isListening = true;
}
