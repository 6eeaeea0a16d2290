/**
 * An id becomes a file name in a runtime's state directory. If a wrong id is accepted, it can leave that directory; if
 * a valid id is refused, a container that runc would run cannot be used. The tests try both kinds.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseId } from '../../../src/runtime/spec/container-id.js';

const good = ['a', '0', 'web-1', 'a.b_c+d', '.hidden', '-x', '...', 'a'.repeat(255)];
const bad = ['', '.', '..', '../x', 'a/b', '/', 'a b', 'a\n', 'a\0', 'ä', 'a:b', 'a'.repeat(256)];

for (const id of good) test(`the container id ${id.slice(0, 20)} is valid`, () => assert.equal(parseId(id), id));

for (const id of bad) {
  test(`the container id ${JSON.stringify(id.slice(0, 20))} is refused`, () => {
    assert.throws(() => parseId(id), { code: 'ERR_ID_INVALID', message: /^[^\n]+$/ });
  });
}
