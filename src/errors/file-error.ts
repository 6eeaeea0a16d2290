/** Turns errors of node:fs and node:child_process into a TermshimError. */
import { getSystemErrorMap } from 'node:util';
import { systemError, TermshimError } from './errors.js';

/**
 * The ERR_SYSTEM for an error of node:fs or node:child_process.
 *
 * @param attempted the action and its object, such as `write the pid file /run/pid`
 */
export function fileError(error: unknown, attempted: string): TermshimError {
  if (isSystemError(error)) return systemError(error.errno, error.syscall, attempted);
  return new TermshimError('ERR_SYSTEM', `cannot ${attempted}: ${String(error)}`, { cause: error });
}

/**
 * What `work` returns, or undefined if the file or process that it works on does not exist. Throws ERR_SYSTEM for any other
 * error.
 *
 * @param attempted as for `fileError`
 * @param absences the errnos that say so, by name
 */
export function ifPresent<T>(
  attempted: string,
  work: () => T,
  absences: readonly string[] = ['ENOENT'],
): T | undefined {
  try {
    return work();
  } catch (error) {
    if (absences.includes(errnoOf(error) ?? '')) return undefined;
    throw fileError(error, attempted);
  }
}

/** For the `catch` of a promise: undefined if a file does not exist. Throws any other error as it is. */
export function undefinedIfAbsent(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error;
  return undefined;
}

/** The name of a thrown value's errno, such as `ENOENT`; undefined if it is not the error of a system call. */
export function errnoOf(error: unknown): string | undefined {
  return isSystemError(error) ? error.code : undefined;
}

/** libuv's text for the name of an errno, such as `no such file or directory`; the name if libuv has no text for it. */
export function wordsOf(errno: string): string {
  for (const [name, words] of getSystemErrorMap().values()) if (name === errno) return words;
  return errno;
}

/** False for an error of rmSync in Node 24, whose `code` is empty and whose `errno` is not the kernel's. */
function isSystemError(error: unknown): error is { errno: number; code: string; syscall: string } {
  if (!(error instanceof Error && 'errno' in error && typeof error.errno === 'number' && 'syscall' in error))
    return false;
  return !('code' in error && error.code === '');
}
