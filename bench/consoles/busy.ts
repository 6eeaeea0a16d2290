/** Whether a console that floods is felt on another: the echo row, while a second console of the peer floods. */
import { echo, flood } from '../harness/client.js';
import { anywhere } from '../harness/placement.js';
import { type Bench, playRounds } from '../harness/rounds.js';

/** More than can be copied in a round. */
const endless = 1e15;

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
