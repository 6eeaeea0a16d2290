/**
 * The answer of a runtime decides what happens to a container next, so only a valid OCI state may be accepted. The
 * tests parse text that is not JSON, a missing field, and a status that does not exist.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseState } from '../../src/runtime/oci-state.js';

const whole = { ociVersion: '1.0.2', id: 'a', status: 'running', pid: 7, bundle: '/b', annotations: { k: 'v' } };

test('a state is parsed, and unknown fields are dropped', () => {
  assert.deepEqual(parseState(JSON.stringify({ ...whole, owner: 'root', rootfs: '/r' })), whole);
});

test('a stopped state may lack pid and annotations', () => {
  const { pid: _pid, annotations: _annotations, ...rest } = whole;
  const state = parseState(JSON.stringify({ ...rest, status: 'stopped' }));
  assert.deepEqual(state, { ...rest, status: 'stopped', pid: 0, annotations: {} });
});

const bad = [
  '',
  'nothing',
  'null',
  '[]',
  JSON.stringify({ ...whole, status: 'asleep' }),
  JSON.stringify({ ...whole, pid: '7' }),
  JSON.stringify({ ...whole, bundle: undefined }),
];
for (const text of bad)
  test(`the state ${text.slice(0, 60)} is refused`, () => assert.equal(parseState(text), undefined));
