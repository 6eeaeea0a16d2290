/** Polls with a bound, if there is no event to wait for. */
import { setTimeout as delay } from 'node:timers/promises';

/** Resolves with the first answer of `probe` that is neither false nor undefined; rejects after `timeoutMs`. */
export async function waitFor<T>(
  probe: () => T | false | undefined | Promise<T | false | undefined>,
  what: string,
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await probe();
    if (answer !== false && answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await delay(5);
  }
}

/** Resolves with a count that has stayed the same for 100 ms; rejects if it never does. */
export async function settledCount(count: () => number, what: string, timeoutMs = 10_000): Promise<number> {
  const deadline = performance.now() + timeoutMs;
  for (let before = count(); ; ) {
    await delay(100);
    const now = count();
    if (now === before) return now;
    before = now;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what} to stay the same`);
  }
}

/** Rejects if `promise` has not settled after `timeoutMs`: a hang becomes a failure that names what hung. */
export async function within<T>(promise: Promise<T>, what: string, timeoutMs = 10_000): Promise<T> {
  const timer = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`waited ${timeoutMs} ms for ${what}`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}
