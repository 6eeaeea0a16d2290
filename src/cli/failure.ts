/**
 * What a command says of a call that failed: the error that the daemon had, or the nearest of ours to the status of a
 * shim that is not ours.
 */
import { type ErrorCode, TermshimError } from '../os/errors.js';
import { Code, RpcError } from '../ttrpc/status.js';

/** Anything but an RpcError is given back as it is. */
export function failureOf(error: unknown): unknown {
  if (!(error instanceof RpcError)) return error;
  const code = error.errorCode ?? nearest[error.code] ?? 'ERR_DAEMON_FAILED';
  return new TermshimError(code, error.message, { cause: error });
}

/** Unknown is what shims answer when their runtime has failed. */
const nearest: Readonly<Record<number, ErrorCode>> = {
  [Code.Unknown]: 'ERR_RUNTIME_FAILED',
  [Code.InvalidArgument]: 'ERR_REQUEST_INVALID',
  [Code.NotFound]: 'ERR_PROCESS_NOT_FOUND',
  [Code.AlreadyExists]: 'ERR_ID_IN_USE',
  [Code.FailedPrecondition]: 'ERR_STATE_INVALID',
  [Code.Unimplemented]: 'ERR_UNSUPPORTED',
};
