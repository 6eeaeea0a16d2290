/**
 * How a call can fail: gRPC's codes, which ttrpc and containerd use, and the one table from termshim's errors to them.
 */
import { type ErrorCode, TermshimError, messageOf } from '../os/errors.js';
import { maxPayloadBytes } from './frame.js';
import type { Status } from './gen/google/rpc/status.js';

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

/** A failed call, at either side. */
export class RpcError extends Error {
  /** One of {@link Code}, as far as the other side keeps to them. */
  readonly code: number;

  constructor(code: number, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.name = 'RpcError';
    this.code = code;
  }
}

/** For what no frame can carry. */
export function tooLong(what: string): RpcError {
  return new RpcError(Code.ResourceExhausted, `${what} is longer than ${maxPayloadBytes} bytes`);
}

/**
 * NotFound and AlreadyExists are for what the request names: containerd takes them as an answer about the task, so a
 * program or a socket that is missing or in the way has another status.
 */
export const statusCodes: Readonly<Record<ErrorCode, Code>> = {
  ERR_BUNDLE_INVALID: Code.InvalidArgument,
  ERR_CONSOLE_CLOSED: Code.Aborted,
  ERR_CONSOLE_MESSAGE: Code.Internal,
  ERR_CONSOLE_TIMEOUT: Code.DeadlineExceeded,
  ERR_DAEMON_FAILED: Code.Unavailable,
  ERR_FIFO_INVALID: Code.InvalidArgument,
  ERR_FIFO_TIMEOUT: Code.DeadlineExceeded,
  ERR_GROUP_INVALID: Code.InvalidArgument,
  ERR_ID_INVALID: Code.InvalidArgument,
  ERR_ID_IN_USE: Code.AlreadyExists,
  ERR_MOUNT_FAILED: Code.Internal,
  ERR_NOT_A_CONSOLE: Code.Internal,
  ERR_PROCESS_NOT_FOUND: Code.NotFound,
  ERR_RUNTIME_DIED: Code.Aborted,
  ERR_RUNTIME_FAILED: Code.Unknown,
  ERR_RUNTIME_NOT_FOUND: Code.FailedPrecondition,
  ERR_RUNTIME_TIMEOUT: Code.DeadlineExceeded,
  ERR_SHIM_USAGE: Code.InvalidArgument,
  ERR_SOCKET_IN_USE: Code.FailedPrecondition,
  ERR_SOCKET_PATH_TOO_LONG: Code.FailedPrecondition,
  ERR_START_TIMEOUT: Code.DeadlineExceeded,
  ERR_STATE_INVALID: Code.FailedPrecondition,
  ERR_STDIO_UNSUPPORTED: Code.Unimplemented,
  ERR_SYSTEM: Code.Internal,
};

/** The status for anything that an implementation threw. Unknown is what nobody foresaw, a bug perhaps. */
export function statusOf(error: unknown): Status {
  if (error instanceof RpcError) return { code: error.code, message: error.message, details: [] };
  const code = error instanceof TermshimError ? statusCodes[error.code] : Code.Unknown;
  return { code, message: messageOf(error), details: [] };
}
