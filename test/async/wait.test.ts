/*
 * Thousands of callers may wait for the exit of one container while it runs. What could break: a wait that was given up
 * stays in memory until the container ends, a wait settles twice or never, or giving up one wait ends another. The
 * tests begin and give up waits before and after the promise settles, and measure the memory.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { wait } from '../../src/async/wait.js';
import { waitFor } from '../helpers/base/wait-for.js';

test('every wait settles as the promise does, whether it begins before or after the promise settles', async () => {
  const { signal } = new AbortController();
  let resolve: (value: number) => void = () => {};
  const promise = new Promise<number>((it) => (resolve = it));
  const before = [wait(promise, signal), wait(promise, signal)];
  resolve(7);
  assert.deepEqual(await Promise.all(before), [7, 7]);
  assert.equal(await wait(promise, signal), 7);
  await assert.rejects(wait(Promise.reject(new Error('no')), signal), { message: 'no' });
});

test('a caller that gives up gets the reason, and the others go on waiting', async () => {
  let resolve: (value: string) => void = () => {};
  const promise = new Promise<string>((it) => (resolve = it));
  const [gone, stays] = [new AbortController(), new AbortController()];
  const [given, kept] = [wait(promise, gone.signal), wait(promise, stays.signal)];
  gone.abort(new Error('enough'));
  await assert.rejects(given, { message: 'enough' });
  await assert.rejects(wait(promise, gone.signal), { message: 'enough' });
  resolve('end');
  assert.equal(await kept, 'end');
});

test('100,000 waits that were given up leave no memory behind', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const never = new Promise<never>(() => {});
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = heap();
  for (let round = 0; round < 100; round++) {
    const gone = Array.from({ length: 1000 }, () => new AbortController());
    const waits = gone.map(({ signal }) => wait(never, signal));
    for (const it of gone) it.abort();
    await Promise.allSettled(waits);
  }
  // What the last round needed goes a turn later.
  await waitFor(() => heap() - before < 8_000_000, 'the memory of the waits to be free again');
});
