/** How long a key takes to come back: a message of 8 bytes to an echoing program and back, one at a time. */
import { echo } from '../harness/client.js';
import type { Placement } from '../harness/peer.js';
import { cpuSeconds } from '../harness/process-figures.js';
import { type Bench, playRounds } from '../harness/rounds.js';

/** `suffix` tells the lines of one placement from those of another. */
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
