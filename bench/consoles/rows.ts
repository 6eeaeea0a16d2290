/**
 * The rows that every copier of consoles can play: a key and its echo, a flood, both at once, a short command, many idle
 * ones.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { anywhere } from '../harness/child.js';
import { echo, flood } from '../harness/client.js';
import { cpuSeconds, memoryKib, wakeUps } from '../harness/process-figures.js';
import { type Bench, type Peer, type Placement, playRounds } from '../harness/rounds.js';

/**
 * How long a key takes to come back: a message of 8 bytes to an echoing program and back, one at a time. `suffix` tells
 * the lines of one placement from those of another.
 */
export async function measureEcho(bench: Bench, placement: Placement, suffix: string): Promise<void> {
  const count = bench.isQuick ? 1000 : 5000;
  await playRounds(bench, placement, bench.isQuick ? 1 : 11, async (peer, add, name) => {
    const console = await peer.open(['echo']);
    const cpuBefore = cpuSeconds(peer.pids());
    const { p50Us, p99Us, trips, isComplete } = await echo(peer, console, count);
    const cpu = cpuSeconds(peer.pids()) - cpuBefore;
    await console.end();
    if (!isComplete) bench.report.note(`${name} lost bytes in the echo row`);
    add(`echo p50${suffix}`, 'us', p50Us);
    add(`echo p99${suffix}`, 'us', p99Us);
    add(`echo CPU${suffix}`, 'us', (cpu * 1e6) / trips);
  });
}

/** How fast a console is emptied, and what that costs the copier. Every byte is compared. */
export async function measureFlood(bench: Bench, placement: Placement, suffix: string): Promise<void> {
  const bytes = bench.isQuick ? 10_000_000 : 40_000_000;
  await playRounds(bench, placement, bench.isQuick ? 1 : 15, async (peer, add, name) => {
    const console = await peer.open(['flood', bytes]);
    const cpuBefore = cpuSeconds(peer.pids());
    const result = await flood(peer, console, bytes);
    const cpu = cpuSeconds(peer.pids()) - cpuBefore;
    await console.end();
    if (result.lostBytes !== 0) bench.report.note(`${name} lost ${result.lostBytes} of ${bytes} bytes in a flood`);
    if (result.firstBad >= 0) bench.report.note(`${name} changed the flood at byte ${result.firstBad}`);
    add(`flood${suffix}`, 'MB/s', result.bytes / 1e6 / result.seconds);
    add(`flood CPU${suffix}`, 's/GB', cpu / (result.bytes / 1e9));
  });
}

/** More than can be copied in a round. */
const endless = 1e15;

/** Whether a console that floods is felt on another: the echo row, while a second console of the peer floods. */
export async function measureBusy(bench: Bench): Promise<void> {
  const count = bench.isQuick ? 300 : 2000;
  await playRounds(bench, anywhere, bench.isQuick ? 1 : 9, async (peer, add, name) => {
    const quiet = await peer.open(['echo']);
    const loud = await peer.open(['flood', endless]);
    const flooding = flood(peer, loud, endless);
    const { p50Us, p99Us, isComplete } = await echo(peer, quiet, count);
    /* The program goes first: while the client still reads, the peer can empty the console and end. */
    await loud.end();
    await quiet.end();
    const { firstBad, bytes, seconds } = await flooding;
    if (!isComplete) bench.report.note(`${name} lost bytes in the echo beside a flood`);
    if (firstBad >= 0) bench.report.note(`${name} changed the flood beside an echo at byte ${firstBad}`);
    add('echo p50 beside a flood', 'us', p50Us);
    add('echo p99 beside a flood', 'us', p99Us);
    add('flood beside an echo', 'MB/s', bytes / 1e6 / seconds);
  });
}

/** Whether all of a short command's output arrives: it writes 20 kB and exits, while the copier is still reading. */
export async function measureTail(bench: Bench): Promise<void> {
  const bytes = 20_000;
  const runs = bench.isQuick ? 5 : 20;
  await playRounds(bench, anywhere, bench.isQuick ? 1 : 5, async (peer, add) => {
    let damaged = 0;
    for (let i = 0; i < runs; i++) {
      const console = await peer.open(['tail', bytes]);
      const { lostBytes, firstBad } = await flood(peer, console, bytes);
      await console.end();
      if (lostBytes !== 0 || firstBad >= 0) damaged++;
    }
    add('short commands whose output was lost', '%', (100 * damaged) / runs);
  });
}

/**
 * What many consoles on which nothing happens cost: memory, and wake-ups for nothing. Peers are new in each round: a heap
 * that has held 1000 consoles is not that of 1.
 */
export async function measureCrowd(bench: Bench): Promise<void> {
  for (let round = 0; round < (bench.isQuick ? 1 : 3); round++) {
    for (const peer of bench.peers) await measureCrowdOf({ ...bench, peers: [peer] }, peer);
  }
}

async function measureCrowdOf(bench: Bench, { mostConsoles }: Peer): Promise<void> {
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
