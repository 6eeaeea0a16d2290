/** How long until a new container, or process, with a terminal shows its prompt, and where that time goes. */
import { setTimeout as delay } from 'node:timers/promises';
import { anywhere } from '../harness/placement.js';
import { type Add, type Bench, playRounds } from '../harness/rounds.js';
import type { ShimContainer } from './container.js';
import type { ShimNamespace } from './namespace.js';
import type { RunningShim } from './peer.js';
import type { Times } from './stopwatch.js';

/** A shim in a namespace of its own for the first and the second container, and one that has lived for long for the others. */
export async function measureShimStart(bench: Bench<RunningShim>): Promise<void> {
  await playRounds(bench, anywhere, bench.isQuick ? 1 : 25, async ({ namespace }, add) => {
    const fresh = namespace.anew();
    await measure(fresh, 'first container', add);
    await measure(fresh, 'second container', add);
    await fresh.close();
    const later = await measure(namespace, 'later container', add);
    await later.remove();
  });
}

export async function measureShimExec(bench: Bench<RunningShim>): Promise<void> {
  await playRounds(bench, anywhere, bench.isQuick ? 1 : 25, async ({ first }, add) => {
    await delay(pauseMs);
    const exec = await first.exec(shell);
    addTimes(add, 'exec -t', await exec.times());
    await exec.remove();
  });
}

const shell = ['/bin/sh'];

/**
 * The kernel moves a process to another control group some 10 ms sooner if it has moved one just before (rcu_sync in
 * kernel/rcu/sync.c). Users do not start containers that fast, and who came second would gain.
 */
const pauseMs = 60;

async function measure(namespace: ShimNamespace, what: string, add: Add): Promise<ShimContainer> {
  await delay(pauseMs);
  const container = await namespace.run(shell);
  addTimes(add, what, container.times);
  return container;
}

function addTimes(add: Add, what: string, times: Times): void {
  for (const [step, ms] of Object.entries(times)) add(`${what}: ${step}`, 'ms', ms);
}
