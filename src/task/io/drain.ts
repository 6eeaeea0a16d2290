/** Waits for the output of a process that has ended, and of the processes that it left behind. */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { settleWithin } from '../../async/settle-within.js';
import type { OpenLogTargets } from './log-targets.js';

export interface Draining {
  /** Settles when everything was passed on. */
  readonly drained: Promise<void>;
  readonly hasReader: boolean;
}

/**
 * Settles when everything was passed on, when the output has no reader, or after `timeoutMs` (0: no limit). Output
 * without a reader must not delay the exit of a container.
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

/** As `ProcessIo.ended`. Returns at once if the reader was too slow for the output of the process itself. */
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

/** No event reports that the reader of a FIFO has gone if this program also holds a reading end. */
const pollMs = 25;
