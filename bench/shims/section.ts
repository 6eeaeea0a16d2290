/** Our shim beside containerd's own, both with real runc. The harness plays containerd, but where the row says otherwise. */
import { copyFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { missing } from '../../test/helpers/base/requirement.js';
import type { Testbed } from '../../test/helpers/e2e/testbed.js';
import { measureEcho, measureFlood } from '../consoles/rows.js';
import { anywhere, onOneCpu } from '../harness/child.js';
import { pssKib, rssKib } from '../harness/process-figures.js';
import { type Add, type Bench, type Run, type Section, playRounds } from '../harness/rounds.js';
import { type Times, onStage } from '../harness/stage.js';
import type { ShimContainer } from './container.js';
import { measureCtr } from './ctr.js';
import { type RunningShim, type ShimNamespace, listShims, shimPeer } from './peer.js';

const inExec = ' of `exec -t`';
const oneCpu = ' of `exec -t`, one CPU';

export function shimSection(): Section {
  const shims = listShims();
  const row =
    (measure: (bench: Bench<RunningShim>) => Promise<void>, envFor?: (testbed: Testbed) => NodeJS.ProcessEnv) =>
    (run: Run): Promise<void> =>
      onStage(run.report, async (testbed) => {
        const env = envFor?.(testbed);
        await measure({ ...run, peers: shims.map((shim) => shimPeer(shim, testbed, env)) });
      });
  return {
    limit: shims[0].name,
    peers: shims,
    obstacle: missing('root', 'busybox', 'runc', 'containerd') || undefined,
    rows: {
      'shim:start': row(measureShimStart),
      'shim:exec': row(measureShimExec),
      'shim:echo': row((bench) => measureEcho(bench, anywhere, inExec)),
      'shim:echo-one-cpu': row((bench) => onOneCpu((placement) => measureEcho(bench, placement, oneCpu))),
      'shim:flood': row((bench) => measureFlood(bench, anywhere, inExec)),
      'shim:flood-one-cpu': row((bench) => onOneCpu((placement) => measureFlood(bench, placement, oneCpu))),
      'shim:memory': row(measureShimMemory, nodeOfItsOwn),
      'shim:ctr': (run) => onStage(run.report, (testbed) => measureCtr(run, testbed)),
    },
  };
}

/** The harness is Node too. What a daemon shared with it would count only half, so it gets a copy. */
function nodeOfItsOwn(testbed: Testbed): NodeJS.ProcessEnv {
  const node = testbed.path('node');
  copyFileSync(process.execPath, node);
  return { TERMSHIM_NODE: node };
}

/**
 * How long until a new container with a terminal shows its prompt, and where that time goes. A shim in a namespace of its
 * own for the first and the second container, and one that has lived for long for the others.
 */
async function measureShimStart(bench: Bench<RunningShim>): Promise<void> {
  await playRounds(bench, anywhere, bench.isQuick ? 1 : 25, async ({ namespace }, add) => {
    const fresh = namespace.anew();
    await measureContainer(fresh, 'first container', add);
    await measureContainer(fresh, 'second container', add);
    await fresh.close();
    const later = await measureContainer(namespace, 'later container', add);
    await later.remove();
  });
}

/** The same of one more process in a container. */
async function measureShimExec(bench: Bench<RunningShim>): Promise<void> {
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

async function measureContainer(namespace: ShimNamespace, what: string, add: Add): Promise<ShimContainer> {
  await delay(pauseMs);
  const container = await namespace.run(shell);
  addTimes(add, what, container.times);
  return container;
}

function addTimes(add: Add, what: string, times: Times): void {
  for (const [step, ms] of Object.entries(times)) add(`${what}: ${step}`, 'ms', ms);
}

/**
 * What containers with terminals cost in the shim, or the shims, that have them. Each has echoed a line. The shims are new
 * in each round, and one after the other.
 */
async function measureShimMemory(bench: Bench<RunningShim>): Promise<void> {
  const counts = bench.isQuick ? [1, 3] : [1, 10, 100];
  for (let round = 0; round < (bench.isQuick ? 1 : 3); round++) {
    for (const peer of bench.peers) {
      await playRounds({ ...bench, peers: [peer] }, anywhere, 1, async (shim, add) => {
        let opened = 1;
        for (const count of counts) {
          await shim.openIdle(count - opened);
          opened = count;
          await delay(settleMs);
          add(`memory (PSS), containers: ${count}`, 'MiB', pssKib(shim.pids()) / 1024);
          add(`memory (RSS), containers: ${count}`, 'MiB', rssKib(shim.pids()) / 1024);
        }
      });
    }
  }
}

const settleMs = 1000;
