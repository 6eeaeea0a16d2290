/** How a command says why it failed. */
import { TermshimError, messageOf } from './errors.js';

/** One line for stderr, with the error's code last. */
export function errorLine(error: unknown): string {
  const code = error instanceof TermshimError ? error.code : foreignCode(error as ForeignError);
  return `termshim: ${messageOf(error).replaceAll(/\s*\n\s*/g, '; ')} [${code}]\n`;
}

/** An error of Node, or that of a call, an RpcError: ttrpc is loaded only by those that call. */
interface ForeignError {
  code?: unknown;
  errorCode?: string;
}

function foreignCode({ code, errorCode }: ForeignError): string {
  return errorCode ?? (typeof code === 'string' ? code : 'ERR_INTERNAL');
}
