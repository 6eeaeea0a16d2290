/*
 * A caller acquires two things at the same time, such as a console and a reader of stdout. If one of them fails, the
 * other may still be waiting, or may arrive at that moment: it must be stopped or closed, and the caller must get the
 * first error. Only the order matters, so promises stand in for both.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { acquireBoth } from '../../src/async/acquire-both.js';

interface Thing {
  isClosed: boolean;
  close(): void;
}

function thing(): Thing {
  return {
    isClosed: false,
    close() {
      this.isClosed = true;
    },
  };
}

/** Waits for the signal and fails with its reason, as everything of ours does that can be aborted. */
async function untilAborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

describe('acquireBoth', () => {
  test('returns both in their order if both come, and closes neither', async () => {
    const [a, b] = [thing(), thing()];
    const slow = async (): Promise<Thing> => {
      await new Promise((resolve) => setImmediate(resolve));
      return a;
    };
    assert.deepEqual(await acquireBoth(undefined, slow, async () => b), [a, b]);
    assert.deepEqual([a.isClosed, b.isClosed], [false, false]);
  });

  test('aborts the other if one fails, and throws the first error', async () => {
    const failure = new Error('runc failed');
    const fail = (): Promise<never> => Promise.reject(failure);
    await assert.rejects(acquireBoth(undefined, fail, untilAborted), (error) => error === failure);
    await assert.rejects(acquireBoth(undefined, untilAborted, fail), (error) => error === failure);
  });

  test('closes what the other acquired, before or after the failure', async () => {
    const failure = new Error('runc failed');
    const [early, late] = [thing(), thing()];
    const failLater = async (): Promise<never> => {
      await new Promise((resolve) => setImmediate(resolve));
      throw failure;
    };
    const comeAnyway = async (signal: AbortSignal): Promise<Thing> => {
      await untilAborted(signal).catch(() => {});
      return late;
    };
    await assert.rejects(
      acquireBoth(undefined, async () => early, failLater),
      (error) => error === failure,
    );
    await assert.rejects(acquireBoth(undefined, comeAnyway, failLater), (error) => error === failure);
    assert.deepEqual([early.isClosed, late.isClosed], [true, true]);
  });

  test('throws the first error if both fail', async () => {
    const [first, second] = [new Error('first'), new Error('second')];
    const failSecond = async (): Promise<never> => {
      await new Promise((resolve) => setImmediate(resolve));
      throw second;
    };
    await assert.rejects(
      acquireBoth(undefined, failSecond, () => Promise.reject(first)),
      (error) => error === first,
    );
  });

  test('aborts both if the signal aborts, before they begin and while they wait', async () => {
    const reason = new Error('enough');
    await assert.rejects(
      acquireBoth(AbortSignal.abort(reason), untilAborted, untilAborted),
      (error) => error === reason,
    );
    const aborting = new AbortController();
    const waiting = acquireBoth(aborting.signal, untilAborted, untilAborted);
    aborting.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
  });
});
