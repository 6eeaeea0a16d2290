/** How fast a console is emptied, and what that costs the copier. Every byte is compared. */
import { flood } from '../harness/client.js';
import type { Placement } from '../harness/peer.js';
import { cpuSeconds } from '../harness/process-figures.js';
import { type Bench, playRounds } from '../harness/rounds.js';

/** `suffix` tells the lines of one placement from those of another. */
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
