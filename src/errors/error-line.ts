/** How a command says why it failed. */
import { TermshimError, messageOf } from './errors.js';
import { printable, shorten } from './printable.js';

/** Below PIPE_BUF in ASCII: one write, which nobody else's comes into. */
const maxWords = 3000;

/** The message on one line, in which nothing of what others said can harm a terminal, cut off where it is too long. */
export function errorWords(error: unknown): string {
  return shorten(printable(messageOf(error).replaceAll(/\s*\n\s*/g, '; ')), maxWords);
}

/** One line for stderr, with the error's code last. */
export function errorLine(error: unknown): string {
  const code = error instanceof TermshimError ? error.code : codeOfOther(error as OtherError);
  return `termshim: ${errorWords(error)} [${code}]\n`;
}

/** An error of Node, or that of a call, an RpcError: ttrpc is loaded only by those that call. */
interface OtherError {
  code?: unknown;
  errorCode?: string;
}

function codeOfOther({ code, errorCode }: OtherError): string {
  return errorCode ?? (typeof code === 'string' ? code : 'ERR_INTERNAL');
}
