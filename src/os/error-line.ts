/** How a command says why it failed. */
import { TermshimError, messageOf } from './errors.js';

/** One line for stderr, with the error's code last. */
export function errorLine(error: unknown): string {
  const code = error instanceof TermshimError ? error.code : ((error as NodeJS.ErrnoException).code ?? 'ERR_INTERNAL');
  return `termshim: ${messageOf(error).replaceAll(/\s*\n\s*/g, '; ')} [${code}]\n`;
}
