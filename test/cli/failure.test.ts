/*
 * A call's failure reaches a human as one line that ends with a code of docs/errors.md. A number of gRPC's is no such
 * code, and a shim that is not ours says nothing else.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failureOf } from '../../src/cli/failure.js';
import { type ErrorCode, TermshimError } from '../../src/os/errors.js';
import { Code, RpcError, errorOf, statusOf } from '../../src/ttrpc/status.js';

describe('failureOf', () => {
  test('has the code that the daemon gave', () => {
    const error = errorOf(statusOf(new TermshimError('ERR_BUNDLE_INVALID', 'config.json: no args')));
    assert.deepEqual(told(error), ['ERR_BUNDLE_INVALID', 'config.json: no args']);
  });

  const cases: readonly (readonly [keyof typeof Code, ErrorCode])[] = [
    ['Canceled', 'ERR_DAEMON_FAILED'],
    ['Unknown', 'ERR_RUNTIME_FAILED'],
    ['InvalidArgument', 'ERR_REQUEST_INVALID'],
    ['DeadlineExceeded', 'ERR_DAEMON_FAILED'],
    ['NotFound', 'ERR_PROCESS_NOT_FOUND'],
    ['AlreadyExists', 'ERR_ID_IN_USE'],
    ['FailedPrecondition', 'ERR_STATE_INVALID'],
    ['Unimplemented', 'ERR_UNSUPPORTED'],
    ['Unavailable', 'ERR_DAEMON_FAILED'],
  ];
  for (const [status, code] of cases) {
    test(`${status} of a shim that is not ours is ${code}`, () => {
      assert.deepEqual(told(new RpcError(Code[status], 'words of the shim')), [code, 'words of the shim']);
    });
  }

  test('a status that gRPC does not know is a failure of the daemon', () => {
    assert.equal(told(new RpcError(99, 'new'))[0], 'ERR_DAEMON_FAILED');
  });

  test('leaves other errors alone', () => {
    for (const error of [new TypeError('a bug'), new TermshimError('ERR_SYSTEM', 'no'), 'thrown']) {
      assert.equal(failureOf(error), error);
    }
  });
});

function told(error: RpcError): readonly [ErrorCode, string] {
  const failure = failureOf(error);
  assert.ok(failure instanceof TermshimError);
  assert.equal(failure.cause, error);
  return [failure.code, failure.message];
}
