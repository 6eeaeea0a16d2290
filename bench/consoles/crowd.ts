/** What many consoles on which nothing happens cost: memory, and wake-ups for nothing. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Peer } from '../harness/peer.js';
import { anywhere } from '../harness/placement.js';
import { memoryKib, wakeUps } from '../harness/process-figures.js';
import { type Bench, playRounds } from '../harness/rounds.js';

/** Peers are new in each round: a heap that has held 1000 consoles is not that of 1. */
export async function measureCrowd(bench: Bench): Promise<void> {
  for (let round = 0; round < (bench.isQuick ? 1 : 3); round++) {
    for (const peer of bench.peers) await measurePeer({ ...bench, peers: [peer] }, peer);
  }
}

async function measurePeer(bench: Bench, { mostConsoles }: Peer): Promise<void> {
  const counts = bench.isQuick ? [1, 20] : [1, 100, 1000];
  const seconds = bench.isQuick ? 0.3 : 3;
  await playRounds(bench, anywhere, 1, async (peer, add) => {
    await delay(settleMs);
    const empty = memoryKib(peer.pids());
    let opened = 0;
    for (const count of counts) {
      if (count > mostConsoles) return;
      await peer.openIdle(count - opened);
      opened = count;
      await delay(settleMs);
      const memory = memoryKib(peer.pids());
      add(`memory, consoles: ${count}`, 'MiB', memory / 1024);
      add(`memory of each, consoles: ${count}`, 'KiB', (memory - empty) / count);
    }
    const before = wakeUps(peer.pids());
    await delay(seconds * 1000);
    add(`idle wake-ups, consoles: ${opened}`, '1/s', (wakeUps(peer.pids()) - before) / seconds);
  });
}

const settleMs = 300;
