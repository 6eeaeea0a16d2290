/** The line that a command writes to stderr when it fails. */
import { TermshimError, messageOf } from './errors.js';
import { printable, shorten } from './printable.js';

/** In characters. ASCII text of this length is below PIPE_BUF, so one write of it is atomic; see pipe(7). */
const maxWords = 3000;

/** The error's message on one line. Characters that could harm a terminal are escaped; a long message is cut off. */
export function errorWords(error: unknown): string {
  return shorten(printable(messageOf(error).replaceAll(/\s*\n\s*/g, '; ')), maxWords);
}

/** One line for stderr, with the error's code last. */
export function errorLine(error: unknown): string {
  const code = error instanceof TermshimError ? error.code : codeOfOther(error as OtherError);
  return `termshim: ${errorWords(error)} [${code}]\n`;
}

/** An error of Node, or an RpcError, whose class is not imported: only programs that make calls load ttrpc. */
interface OtherError {
  code?: unknown;
  errorCode?: string;
}

function codeOfOther({ code, errorCode }: OtherError): string {
  return errorCode ?? (typeof code === 'string' ? code : 'ERR_INTERNAL');
}
