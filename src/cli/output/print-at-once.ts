/** Prints output after which the process ends, such as the help. This is synchronous, and loads few modules. */
import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { fileError } from '../../errors/file-error.js';

/** As `print`, but the text is written when it returns. Throws ERR_SYSTEM. */
export function printAtOnce(text: string): void {
  try {
    writeSync(1, text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(128 + constants.signals.SIGPIPE);
    throw fileError(error, 'write to stdout');
  }
}
