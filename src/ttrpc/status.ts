/**
 * The statuses with which a call can fail: gRPC's codes, which ttrpc and containerd use, and the code for each error of
 * termshim.
 */
import { type ErrorCode, TermshimError, errorCodes, messageOf } from '../errors/errors.js';
import { maxPayloadBytes } from './frame.js';
import type { Any } from './gen/google/protobuf/any.js';
import type { Status } from './gen/google/rpc/status.js';
import { Failure } from './gen/termshim/failure.js';

/** See "status codes" in gRPC's documentation. */
export const Code = {
  OK: 0,
  Canceled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;

export type Code = (typeof Code)[keyof typeof Code];

/** The error code of a bug. */
const unforeseen = 'ERR_INTERNAL';

export interface RpcErrorOptions extends ErrorOptions {
  errorCode?: ErrorCode | typeof unforeseen | undefined;
}

/** A failed call, at either side. */
export class RpcError extends Error {
  /** One of {@link Code}, unless the other side sent another number. */
  readonly code: number;
  /** The code of the TermshimError that caused this; if it is unknown, the code nearest to the status. */
  readonly errorCode: ErrorCode | typeof unforeseen;

  constructor(code: number, message: string, { errorCode, ...options }: RpcErrorOptions = {}) {
    super(message, options);
    this.name = 'RpcError';
    this.code = code;
    const { cause } = options;
    this.errorCode =
      errorCode ?? (cause instanceof TermshimError ? cause.code : (nearest[code] ?? 'ERR_DAEMON_FAILED'));
  }
}

/** An external shim sends the status alone. It sends Unknown if its runtime has failed. */
const nearest: Readonly<Record<number, ErrorCode>> = {
  [Code.Unknown]: 'ERR_RUNTIME_FAILED',
  [Code.InvalidArgument]: 'ERR_REQUEST_INVALID',
  [Code.NotFound]: 'ERR_PROCESS_NOT_FOUND',
  [Code.AlreadyExists]: 'ERR_ID_IN_USE',
  [Code.FailedPrecondition]: 'ERR_STATE_INVALID',
  [Code.Unimplemented]: 'ERR_UNSUPPORTED',
};

/** The error for a message that no frame can carry. */
export function tooLong(what: string): RpcError {
  return new RpcError(Code.ResourceExhausted, `${what} is longer than ${maxPayloadBytes} bytes`);
}

/**
 * NotFound and AlreadyExists are used only for what the request names: containerd takes them as an answer about the
 * task. So a program or a file that is missing, or that exists already, has another status.
 */
export const statusCodes: Readonly<Record<ErrorCode, Code>> = {
  ERR_ANNOTATION_REFUSED: Code.PermissionDenied,
  ERR_BUNDLE_INVALID: Code.InvalidArgument,
  ERR_CONSOLE_CLOSED: Code.Aborted,
  ERR_CONSOLE_MESSAGE: Code.Internal,
  ERR_CONSOLE_TIMEOUT: Code.DeadlineExceeded,
  ERR_DAEMON_BUSY: Code.FailedPrecondition,
  ERR_DAEMON_FAILED: Code.Unavailable,
  ERR_DIRECTORY_UNSAFE: Code.FailedPrecondition,
  ERR_FILE_EXISTS: Code.FailedPrecondition,
  ERR_FIFO_INVALID: Code.InvalidArgument,
  ERR_FIFO_TIMEOUT: Code.DeadlineExceeded,
  ERR_GROUP_INVALID: Code.InvalidArgument,
  ERR_ID_AMBIGUOUS: Code.InvalidArgument,
  ERR_ID_INVALID: Code.InvalidArgument,
  ERR_ID_IN_USE: Code.AlreadyExists,
  ERR_LOG_DRIVER_FAILED: Code.FailedPrecondition,
  ERR_LOG_DRIVER_TIMEOUT: Code.DeadlineExceeded,
  ERR_LOG_FAILED: Code.FailedPrecondition,
  ERR_LOG_NOT_FOUND: Code.NotFound,
  ERR_LOG_OPTION: Code.InvalidArgument,
  ERR_MOUNT_FAILED: Code.Internal,
  ERR_NOT_A_CONSOLE: Code.Internal,
  ERR_NO_DAEMON: Code.Unavailable,
  ERR_PATH_UNTRUSTED: Code.FailedPrecondition,
  ERR_PROCESS_NOT_FOUND: Code.NotFound,
  ERR_REQUEST_INVALID: Code.InvalidArgument,
  ERR_RUNTIME_DIED: Code.Aborted,
  ERR_RUNTIME_FAILED: Code.Unknown,
  ERR_RUNTIME_NOT_FOUND: Code.FailedPrecondition,
  ERR_RUNTIME_TIMEOUT: Code.DeadlineExceeded,
  ERR_SCREEN_LOST: Code.ResourceExhausted,
  ERR_SHIM_FAILED: Code.Unavailable,
  ERR_SHIM_USAGE: Code.InvalidArgument,
  ERR_SOCKET_IN_USE: Code.FailedPrecondition,
  ERR_SOCKET_PATH_TOO_LONG: Code.FailedPrecondition,
  ERR_START_TIMEOUT: Code.DeadlineExceeded,
  ERR_STATE_INVALID: Code.FailedPrecondition,
  ERR_STDIO_INVALID: Code.InvalidArgument,
  ERR_SYSTEM: Code.Internal,
  ERR_UNSUPPORTED: Code.Unimplemented,
};

/**
 * The metadata key of clients that read details: termshim's clients. containerd from 2.0 on appends each detail that it
 * does not know to the text of the error, so it gets none.
 */
export const detailsKey = 'termshim-details';

/** The status for anything that an implementation threw. An unexpected error, perhaps a bug, becomes Unknown. */
export function statusOf(error: unknown, { hasDetails }: { hasDetails: boolean }): Status {
  const { code, errorCode } = codesOf(error);
  return { code, message: messageOf(error), details: hasDetails ? detailsOf(errorCode) : [] };
}

function codesOf(error: unknown): Pick<RpcError, 'code' | 'errorCode'> {
  if (error instanceof RpcError) return error;
  if (error instanceof TermshimError) return { code: statusCodes[error.code], errorCode: error.code };
  return { code: Code.Unknown, errorCode: unforeseen };
}

/** The error for a status that arrived. */
export function errorOf({ code, message, details }: Status): RpcError {
  const name = details.map(failureCode).find((it) => it !== undefined);
  const errorCode = name === unforeseen ? unforeseen : errorCodes.find((it) => it === name);
  return new RpcError(code, message, { errorCode });
}

function detailsOf(code: RpcError['errorCode']): Any[] {
  return [{ typeUrl: Failure.$type, value: Failure.encode({ code }).finish() }];
}

function failureCode({ typeUrl, value }: Any): string | undefined {
  if (typeUrl !== Failure.$type) return undefined;
  try {
    return Failure.decode(value).code;
  } catch {
    // Another program sent other bytes under termshim's type name. The status alone is used.
    return undefined;
  }
}
