/** The funnel from what node:fs throws to the error class of termshim. */
import { getSystemErrorMap } from 'node:util';
import { systemError, TermshimError } from './errors.js';

/**
 * The ERR_SYSTEM for something that node:fs or node:child_process threw.
 *
 * @param attempted what was being done and to what, as in `write the pid file /run/pid`
 */
export function fileError(error: unknown, attempted: string): TermshimError {
  if (isSystemError(error)) return systemError(error.errno, error.syscall, attempted);
  return new TermshimError('ERR_SYSTEM', `cannot ${attempted}: ${String(error)}`, { cause: error });
}

/** The errno of anything that was thrown, by name; undefined if the kernel had no part in it. */
export function errnoOf(error: unknown): string | undefined {
  return isSystemError(error) ? error.code : undefined;
}

/** The kernel's words for an errno, such as `no such file or directory`. */
export function wordsOf(errno: string): string {
  for (const [name, words] of getSystemErrorMap().values()) if (name === errno) return words;
  return errno;
}

/** rmSync of Node 24 does not know the errno of what failed: its code is empty and its number is none of the kernel's. */
function isSystemError(error: unknown): error is { errno: number; code: string; syscall: string } {
  if (!(error instanceof Error && 'errno' in error && typeof error.errno === 'number' && 'syscall' in error))
    return false;
  return !('code' in error && error.code === '');
}
