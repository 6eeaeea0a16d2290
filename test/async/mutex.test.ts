/*
 * If two changes of one container's state ran at the same time, both would find the old state. The mutex must also run
 * later work after a failure, and must report a failure only to the caller whose work failed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createMutex } from '../../src/async/mutex.js';

test('the mutex runs work one at a time, in the order of the calls', async () => {
  const runExclusive = createMutex();
  const told: string[] = [];
  const work = (name: string, ms: number) => async (): Promise<string> => {
    told.push(`${name} begins`);
    await delay(ms);
    told.push(`${name} ends`);
    return name;
  };
  const answers = await Promise.all([runExclusive(work('slow', 20)), runExclusive(work('quick', 0))]);
  assert.deepEqual(answers, ['slow', 'quick']);
  assert.deepEqual(told, ['slow begins', 'slow ends', 'quick begins', 'quick ends']);
});

test('the mutex passes a failure to its caller and runs the next work', async () => {
  const runExclusive = createMutex();
  const failing = runExclusive(() => Promise.reject(new Error('no')));
  const next = runExclusive(() => Promise.resolve('yes'));
  await assert.rejects(failing, /no/);
  assert.equal(await next, 'yes');
});
