/*
 * Two changes of one container's state at a time would both find it in the old state. The queue must also go on after
 * work that failed, and tell a failure to whoever asked for that work alone.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createQueue } from '../../src/async/mutex.js';

test('the mutex runs work one at a time, in the order of the calls', async () => {
  const inTurn = createQueue();
  const told: string[] = [];
  const work = (name: string, ms: number) => async (): Promise<string> => {
    told.push(`${name} begins`);
    await delay(ms);
    told.push(`${name} ends`);
    return name;
  };
  const answers = await Promise.all([inTurn(work('slow', 20)), inTurn(work('quick', 0))]);
  assert.deepEqual(answers, ['slow', 'quick']);
  assert.deepEqual(told, ['slow begins', 'slow ends', 'quick begins', 'quick ends']);
});

test('the mutex passes a failure to its caller and runs the next work', async () => {
  const inTurn = createQueue();
  const failing = inTurn(() => Promise.reject(new Error('no')));
  const next = inTurn(() => Promise.resolve('yes'));
  await assert.rejects(failing, /no/);
  assert.equal(await next, 'yes');
});
