/** How long until a new container with a terminal shows its prompt, and where that time goes. */
import { anywhere } from '../placement.js';
import { type Add, type Bench, playRounds } from '../rounds.js';
import type { RunningShim } from '../shim/shim-peer.js';
import type { Times } from '../shim/stopwatch.js';

/** A shim in a namespace of its own for the first and the second container, and one that has lived for long for the others. */
export async function measureShimStart(bench: Bench<RunningShim>): Promise<void> {
  await playRounds(bench, anywhere, bench.isQuick ? 1 : 25, async ({ namespace }, add) => {
    const fresh = namespace.anew();
    addTimes(add, 'first container', (await fresh.run(shell)).times);
    addTimes(add, 'second container', (await fresh.run(shell)).times);
    await fresh.close();
    const later = await namespace.run(shell);
    addTimes(add, 'later container', later.times);
    await later.remove();
  });
}

export async function measureShimExec(bench: Bench<RunningShim>): Promise<void> {
  await playRounds(bench, anywhere, bench.isQuick ? 1 : 25, async ({ first }, add) => {
    const exec = await first.exec(shell);
    addTimes(add, 'exec -t', await exec.times());
    await exec.remove();
  });
}

const shell = ['/bin/sh'];

function addTimes(add: Add, what: string, times: Times): void {
  for (const [step, ms] of Object.entries(times)) add(`${what}: ${step}`, 'ms', ms);
}
