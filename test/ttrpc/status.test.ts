/*
 * containerd reads only the status code: NotFound from Kill means that the task has ended, AlreadyExists from Create
 * that its id is in use. A wrong code gives wrong information about the task, and the table is documented for users.
 * Between termshim's own programs the code of the error itself must arrive too.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { errorLine } from '../../src/errors/error-line.js';
import { type ErrorCode, TermshimError, errorCodes } from '../../src/errors/errors.js';
import type { Any } from '../../src/ttrpc/gen/google/protobuf/any.js';
import { Failure } from '../../src/ttrpc/gen/termshim/failure.js';
import { Code, RpcError, errorOf, statusCodes, statusOf } from '../../src/ttrpc/status.js';

/** For a client of ours. */
const ours = (thrown: unknown) => statusOf(thrown, { hasDetails: true });

describe('statusOf', () => {
  test('returns the status of an RpcError unchanged', () => {
    const { code, message } = ours(new RpcError(Code.NotFound, 'no task t1'));
    assert.deepEqual([code, message], [5, 'no task t1']);
    assert.equal(ours(new RpcError(99, 'new')).code, 99);
  });

  test('returns the status of the table for a TermshimError', () => {
    for (const code of errorCodes) {
      const { details, ...status } = ours(new TermshimError(code, 'why'));
      assert.deepEqual(status, { code: statusCodes[code], message: 'why' });
      assert.deepEqual(
        details.map((it) => it.typeUrl),
        ['termshim.v1.Failure'],
      );
      assert.notEqual(statusCodes[code], Code.OK);
    }
  });

  test('returns no details to other clients, for any thrown value', () => {
    for (const thrown of [new RpcError(99, 'new'), new TermshimError('ERR_SYSTEM', 'why'), new TypeError('x'), 'x']) {
      assert.deepEqual(statusOf(thrown, { hasDetails: false }), { ...ours(thrown), details: [] });
    }
  });

  test('returns Unknown for any other value', () => {
    for (const thrown of [new TypeError('x is undefined'), 'x is undefined']) {
      const { code, message } = ours(thrown);
      assert.deepEqual([code, message], [2, 'x is undefined']);
    }
  });
});

describe('errorOf', () => {
  test('returns an error with the status, and the code of the original error', () => {
    for (const code of errorCodes) {
      const { name, ...fields } = errorOf(ours(new TermshimError(code, 'why')));
      assert.deepEqual([name, { ...fields }], ['RpcError', { code: statusCodes[code], errorCode: code }]);
    }
  });

  test('returns ERR_INTERNAL for an unexpected exception', () => {
    assert.equal(errorOf(ours(new TypeError('x is undefined'))).errorCode, 'ERR_INTERNAL');
  });

  test('returns the code of the cause of an RpcError', () => {
    const cause = new TermshimError('ERR_RUNTIME_FAILED', 'no');
    const error = errorOf(ours(new RpcError(Code.Unknown, 'start failed: no', { cause })));
    assert.deepEqual([error.message, error.errorCode], ['start failed: no', 'ERR_RUNTIME_FAILED']);
  });

  const strange: readonly (readonly [string, Any])[] = [
    ['a detail of others', { typeUrl: 'google.rpc.ErrorInfo', value: Failure.encode({ code: 'ERR_SYSTEM' }).finish() }],
    ['a code that is not ours', { typeUrl: Failure.$type, value: Failure.encode({ code: 'ERR_NEW' }).finish() }],
    ['a broken detail', { typeUrl: Failure.$type, value: Buffer.from([0x0a]) }],
  ];
  for (const [what, detail] of strange) {
    test(`ignores ${what}`, () => {
      const error = errorOf({ code: Code.NotFound, message: 'no task', details: [detail] });
      const told = [error.code, error.message, error.errorCode];
      assert.deepEqual(told, [Code.NotFound, 'no task', 'ERR_PROCESS_NOT_FOUND']);
    });
  }

  const nearest: readonly (readonly [keyof typeof Code, ErrorCode])[] = [
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
  for (const [status, code] of nearest) {
    test(`returns ${code} for ${status} without details, as from an external shim`, () => {
      const error = errorOf({ code: Code[status], message: 'words of the shim', details: [] });
      assert.equal(errorLine(error), `termshim: words of the shim [${code}]\n`);
    });
  }

  test('returns ERR_DAEMON_FAILED for a status that gRPC does not know', () => {
    assert.equal(errorOf({ code: 99, message: 'new', details: [] }).errorCode, 'ERR_DAEMON_FAILED');
  });
});

test('docs/errors.md has each code with its status', () => {
  const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
  const sections = page.split(/^### /m).slice(1);
  const told = sections.flatMap((section) => {
    const status = /^Status: (\w+)\.$/m.exec(section)?.[1];
    return status === undefined ? [] : [[section.slice(0, section.indexOf('\n')), status]];
  });
  const names = Object.fromEntries(Object.entries(Code).map(([name, code]) => [code, name]));
  assert.deepEqual(
    told,
    errorCodes.map((code) => [code, names[statusCodes[code]]]),
  );
});
