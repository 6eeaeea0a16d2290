import { TermshimError } from '../errors/errors.js';
import { fileError } from '../errors/file-error.js';

/**
 * The ERR_LOG_FAILED for something that node:fs threw.
 *
 * @param attempted what was being done and to what, as in `open the log /var/log/a`
 */
export function logError(error: unknown, attempted: string): TermshimError {
  if (error instanceof TermshimError) return error;
  const { message, syscall, errno } = fileError(error, attempted);
  return new TermshimError('ERR_LOG_FAILED', message, { syscall, errno, cause: error });
}
