/** What containers with terminals cost in the shim, or the shims, that have them. Each has echoed a line. */
import { setTimeout as delay } from 'node:timers/promises';
import { anywhere } from '../harness/placement.js';
import { pssKib, rssKib } from '../harness/process-figures.js';
import { type Bench, playRounds } from '../harness/rounds.js';
import type { RunningShim } from './peer.js';

/** The shims are new in each round, and one after the other. */
export async function measureShimMemory(bench: Bench<RunningShim>): Promise<void> {
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
