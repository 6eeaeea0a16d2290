/**
 * The error class of termshim's API, and the functions that turn a negative answer of the kernel into one.
 *
 * Callers match on `code`, never on the text. docs/errors.md has a heading for each code.
 */
import { getSystemErrorMap } from 'node:util';

/** All codes of errors. */
export const errorCodes = [
  'ERR_ANNOTATION_REFUSED',
  'ERR_BUNDLE_INVALID',
  'ERR_CONSOLE_CLOSED',
  'ERR_CONSOLE_MESSAGE',
  'ERR_CONSOLE_TIMEOUT',
  'ERR_DAEMON_BUSY',
  'ERR_DAEMON_FAILED',
  'ERR_DIRECTORY_UNSAFE',
  'ERR_FIFO_INVALID',
  'ERR_FIFO_TIMEOUT',
  'ERR_FILE_EXISTS',
  'ERR_GROUP_INVALID',
  'ERR_ID_AMBIGUOUS',
  'ERR_ID_INVALID',
  'ERR_ID_IN_USE',
  'ERR_LOG_DRIVER_FAILED',
  'ERR_LOG_DRIVER_TIMEOUT',
  'ERR_LOG_FAILED',
  'ERR_LOG_NOT_FOUND',
  'ERR_LOG_OPTION',
  'ERR_MOUNT_FAILED',
  'ERR_NOT_A_CONSOLE',
  'ERR_NO_DAEMON',
  'ERR_PATH_UNTRUSTED',
  'ERR_PROCESS_NOT_FOUND',
  'ERR_REQUEST_INVALID',
  'ERR_RUNTIME_DIED',
  'ERR_RUNTIME_FAILED',
  'ERR_RUNTIME_NOT_FOUND',
  'ERR_RUNTIME_TIMEOUT',
  'ERR_SCREEN_LOST',
  'ERR_SHIM_FAILED',
  'ERR_SHIM_USAGE',
  'ERR_SOCKET_IN_USE',
  'ERR_SOCKET_PATH_TOO_LONG',
  'ERR_START_TIMEOUT',
  'ERR_STATE_INVALID',
  'ERR_STDIO_INVALID',
  'ERR_SYSTEM',
  'ERR_UNSUPPORTED',
] as const;

/** The code of an error; docs/errors.md explains each. */
export type ErrorCode = (typeof errorCodes)[number];

/** What an error has besides its code and message. */
export interface TermshimErrorOptions {
  /** The system call that failed, if one did. */
  syscall?: string | undefined;
  /** Its errno by name, such as `ENOENT`. */
  errno?: string | undefined;
  cause?: unknown;
}

/**
 * An error of termshim. Match on `code`; the message is for people and may change.
 *
 * @example
 * ```js
 * import { FifoReader, TermshimError } from 'termshim';
 *
 * try {
 *   FifoReader.open('/no/such/fifo');
 * } catch (error) {
 *   if (!(error instanceof TermshimError) || error.code !== 'ERR_FIFO_INVALID') throw error;
 *   process.stdout.write(`${error.message}\n`);
 * }
 * ```
 */
export class TermshimError extends Error {
  readonly code: ErrorCode;
  readonly syscall: string | undefined;
  readonly errno: string | undefined;

  constructor(code: ErrorCode, message: string, options: TermshimErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : {});
    this.name = 'TermshimError';
    this.code = code;
    this.syscall = options.syscall;
    this.errno = options.errno;
  }
}

/**
 * Returns the kernel's answer if it is not negative; throws ERR_SYSTEM for `-errno`.
 *
 * @param attempted the action and its object, such as `open the stdin FIFO /run/in`
 */
export function check(answer: number, syscall: string, attempted: string): number {
  if (answer >= 0) return answer;
  throw systemError(answer, syscall, attempted);
}

/** The error for `-errno`: `cannot <attempted>: <libuv's text for the errno> (ENOENT)`. */
export function systemError(answer: number, syscall: string, attempted: string): TermshimError {
  const [errno, words] = getSystemErrorMap().get(answer) ?? [`errno ${-answer}`, 'unknown error'];
  return new TermshimError('ERR_SYSTEM', `cannot ${attempted}: ${words} (${errno})`, { syscall, errno });
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
