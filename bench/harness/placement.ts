/**
 * Where the processes of a round run.
 *
 * A round trip is four wake-ups, and one that crosses CPUs costs far more than the copying, the more so in a virtual
 * machine: whether the scheduler spreads the processes or not changes every figure tenfold. So beside `anywhere`, which
 * is what users have, there is `oneCpu`: all of them on one CPU, and every other one kept busy, so that the kernel's
 * own worker for the pty stays there too. Its figures are the length of the code path, and repeat to a few percent.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Child, builtProgram, startReady, stop } from './child.js';
import type { Placement } from './peer.js';

export const anywhere: Placement = { prefix: [] };

/** Runs `body` with all other CPUs busy. */
export async function onOneCpu<T>(body: (placement: Placement) => Promise<T>): Promise<T> {
  const [first = 0, ...others] = allowedCpus();
  const spinners: Child[] = [];
  try {
    for (const cpu of others) spinners.push(await startReady([...pin(cpu), builtProgram('program'), 'spin']));
    await delay(settleMs);
    return await body({ prefix: pin(first) });
  } finally {
    for (const spinner of spinners) await stop(spinner);
  }
}

/** Until the scheduler has seen that the CPUs are busy. */
const settleMs = 500;

function pin(cpu: number): string[] {
  return ['taskset', '--cpu-list', `${cpu}`];
}

/** From a list such as `0-3,8`. */
function allowedCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}
