import { setTimeout as delay } from 'node:timers/promises';

/** Asks every few milliseconds until the answer is not undefined. Undefined when the time is up. */
export async function poll<T>(ask: () => T | undefined, boundMs: number): Promise<T | undefined> {
  const end = performance.now() + boundMs;
  for (;;) {
    const answer = ask();
    if (answer !== undefined || performance.now() > end) return answer;
    await delay(2);
  }
}
