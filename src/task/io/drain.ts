/** Waits for the output of a process that has ended, and of those whom it has left behind. */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { settleWithin } from '../../async/settle-within.js';
import type { OpenLogTargets } from './log-targets.js';

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

/** As `ProcessIo.ended`. A reader who was too slow for what the process itself has written is not waited for again. */
export async function ended(
  copy: Draining & { readonly ended: Promise<void> },
  logTargets: OpenLogTargets,
  timeoutMs: number,
): Promise<void> {
  const isDrained = await Promise.race([copy.drained.then(() => true), nextTurn(false)]);
  if (!isDrained) return;
  const draining = {
    drained: copy.ended,
    get hasReader() {
      return copy.hasReader;
    },
  };
  await Promise.all([drain(draining, timeoutMs), settleWithin(logTargets.done, timeoutMs)]);
}

/** No event tells that a reader has gone from a FIFO that we hold open ourselves. */
const pollMs = 25;
