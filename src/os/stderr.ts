/** Writes to stderr without waiting for its reader, which could block a program that serves others. */
import { addon } from '../native/addon.js';
import { openHostStream } from './host-terminal.js';

/** Drops the text, or the rest of it, if a pipe or a terminal has no room because its reader is stuck. Never throws. */
export function writeToStderr(text: string): void {
  try {
    const stderr = openHostStream(2);
    addon.fd_write(stderr.fd, Buffer.from(text));
    stderr.close();
  } catch {
    // There is no stderr.
  }
}
