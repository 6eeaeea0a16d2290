/*
 * containerd reads the code and nothing else: NotFound from Kill means that the task has ended, AlreadyExists from
 * Create that there is one. A wrong code is a wrong answer about the task, and the table is what users are promised.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { TermshimError, errorCodes } from '../../src/os/errors.js';
import { Code, RpcError, statusCodes, statusOf } from '../../src/ttrpc/status.js';

describe('statusOf', () => {
  test('an RpcError is its own status', () => {
    const error = new RpcError(Code.NotFound, 'no task t1');
    assert.deepEqual(statusOf(error), { code: 5, message: 'no task t1', details: [] });
    assert.equal(statusOf(new RpcError(99, 'new')).code, 99);
  });

  test('a TermshimError has the one of the table', () => {
    for (const code of errorCodes) {
      assert.deepEqual(statusOf(new TermshimError(code, 'why')), {
        code: statusCodes[code],
        message: 'why',
        details: [],
      });
      assert.notEqual(statusCodes[code], Code.OK);
    }
  });

  test('anything else is Unknown', () => {
    assert.deepEqual(statusOf(new TypeError('x is undefined')), { code: 2, message: 'x is undefined', details: [] });
    assert.deepEqual(statusOf('thrown'), { code: 2, message: 'thrown', details: [] });
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
