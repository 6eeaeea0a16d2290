/** Waits for the output of a process that has ended. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Draining {
  /** Settles when everything was passed on. */
  readonly drained: Promise<void>;
  readonly hasReader: boolean;
}

/**
 * Settles when everything was passed on, when nobody is there to read it, or after `timeoutMs` (0: never). A container
 * whose output nobody reads has ended all the same: what waits for a reader must not keep its exit back.
 */
export async function drain(copy: Draining, timeoutMs: number): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  const onDrained = copy.drained.finally(() => settled.abort());
  const deadline = timeoutMs > 0 ? performance.now() + timeoutMs : Number.POSITIVE_INFINITY;
  await Promise.race([onDrained, delay(1, undefined, { signal }).catch(() => {})]);
  while (!signal.aborted && copy.hasReader && performance.now() < deadline) {
    await delay(pollMs, undefined, { signal }).catch(() => {});
  }
}

/** No event tells that a reader has gone from a FIFO that we hold open ourselves. */
const pollMs = 25;
