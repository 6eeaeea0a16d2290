/** Writes to our stderr without waiting for its reader, who could stop a program that serves others. */
import { addon } from '../native/addon.js';
import { openHostStream } from './host-terminal.js';

/** What a pipe or a terminal has no room for is lost: its reader may stand still. Never throws. */
export function writeToStderr(text: string): void {
  try {
    const stderr = openHostStream(2);
    addon.fd_write(stderr.fd, Buffer.from(text));
    stderr.close();
  } catch {
    // There is none.
  }
}
