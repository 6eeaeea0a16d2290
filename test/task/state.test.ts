/*
 * A state that can be left in a way nobody thought of makes a container that can neither be started nor deleted. So each
 * of the 25 pairs is asked for, against a table that is written down here once more.
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
    test(`the state goes from ${from} to ${to}: ${possible.has(`${from} ${to}`) ? 'possible' : 'an error that names both'}`, () => {
      if (possible.has(`${from} ${to}`)) return assertTransition('it', from, to);
      assert.throws(() => assertTransition('it', from, to), {
        code: 'ERR_STATE_INVALID',
        message: `it is ${from} and cannot become ${to}`,
      });
    });
  }
}
