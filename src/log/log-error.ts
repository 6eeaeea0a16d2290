import { TermshimError } from '../errors/errors.js';
import { fileError } from '../errors/file-error.js';

/**
 * Makes an ERR_LOG_FAILED of what node:fs threw. A TermshimError stays as it is.
 *
 * @param attempted what failed, as in `open the log /var/log/a`
 */
export function logError(error: unknown, attempted: string): TermshimError {
  if (error instanceof TermshimError) return error;
  const { message, syscall, errno } = fileError(error, attempted);
  return new TermshimError('ERR_LOG_FAILED', message, { syscall, errno, cause: error });
}
