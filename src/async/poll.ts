import { setTimeout as delay } from 'node:timers/promises';

/** Calls `ask` every 2 ms until it returns a value. Resolves with undefined if there is none within `boundMs`. */
export async function poll<T>(ask: () => T | undefined, boundMs: number): Promise<T | undefined> {
  const end = performance.now() + boundMs;
  for (;;) {
    const answer = ask();
    if (answer !== undefined || performance.now() > end) return answer;
    await delay(2);
  }
}
