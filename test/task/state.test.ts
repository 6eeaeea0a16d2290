/*
 * If a state had a transition that is not planned, a container could neither be started nor deleted. The test tries
 * each of the 25 pairs of states against a table that is written down here again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertTransition, type ProcessState } from '../../src/task/state.js';

const states: readonly ProcessState[] = ['created', 'running', 'paused', 'stopped', 'deleted'];

const possible = new Set([
  'created running',
  'created stopped',
  'created deleted',
  'running paused',
  'running stopped',
  'paused running',
  'paused stopped',
  'stopped deleted',
]);

for (const from of states) {
  for (const to of states) {
    test(`the state ${possible.has(`${from} ${to}`) ? 'can' : 'cannot'} change from ${from} to ${to}`, () => {
      if (possible.has(`${from} ${to}`)) return assertTransition('it', from, to);
      assert.throws(() => assertTransition('it', from, to), {
        code: 'ERR_STATE_INVALID',
        message: `it is ${from} and cannot become ${to}`,
      });
    });
  }
}
