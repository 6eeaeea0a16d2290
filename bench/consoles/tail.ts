/** Whether all of a short command's output arrives: it writes 20 kB and exits, while the copier is still reading. */
import { flood } from '../harness/client.js';
import { anywhere } from '../harness/placement.js';
import { type Bench, playRounds } from '../harness/rounds.js';

const bytes = 20_000;

export async function measureTail(bench: Bench): Promise<void> {
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
