/*
 * Callers compare `code` and people read the message, so both are a contract: a code of the closed list, and a line
 * that says what was attempted and why it failed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TermshimError, check, errorCodes, messageOf, systemError } from '../../src/errors/errors.js';

test('check returns every answer that is not negative', () => {
  for (const answer of [0, 1, 2 ** 40]) assert.equal(check(answer, 'read', 'read'), answer);
});

test('check throws for -errno, with everything that is known', () => {
  assert.throws(() => check(-2, 'open', 'open the stdin FIFO /run/in'), {
    name: 'TermshimError',
    code: 'ERR_SYSTEM',
    syscall: 'open',
    errno: 'ENOENT',
    message: 'cannot open the stdin FIFO /run/in: no such file or directory (ENOENT)',
  });
});

test('an errno that has no name keeps its number', () => {
  assert.match(systemError(-4000, 'ioctl', 'do that').message, /4000/);
});

test('an error keeps its cause, and has none by default', () => {
  const cause = new Error('why');
  assert.equal(new TermshimError('ERR_SYSTEM', 'what', { cause }).cause, cause);
  assert.equal('cause' in new TermshimError('ERR_SYSTEM', 'what'), false);
});

test('the list of codes is sorted and has no duplicate', () => {
  assert.deepEqual([...errorCodes], [...new Set(errorCodes)].toSorted());
  for (const code of errorCodes) assert.match(code, /^ERR_[A-Z_]+$/);
});

test('messageOf returns a message for any thrown value', () => {
  assert.deepEqual([new Error('a'), 'b', 3, undefined].map(messageOf), ['a', 'b', '3', 'undefined']);
});
