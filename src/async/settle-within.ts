import { setTimeout as delay } from 'node:timers/promises';

/** Resolves when the promise is fulfilled or rejected, or after `ms` milliseconds. */
export async function settleWithin(promise: Promise<unknown>, ms: number): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  void promise.then(
    () => settled.abort(),
    () => settled.abort(),
  );
  await delay(ms, undefined, { signal }).catch(() => {});
}
