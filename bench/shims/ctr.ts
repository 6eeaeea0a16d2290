/**
 * The whole way of a container, as a user has it: `ctr run --rm`, with a terminal and without, under a containerd of its
 * own.
 */
import type { Testbed } from '../../test/helpers/e2e/testbed.js';
import { runOnPty, startOnPty } from '../../test/helpers/sessions/pty-command.js';
import { runToEnd } from '../../test/helpers/base/command.js';
import { type Containerd, startContainerd } from '../../test/helpers/shim/containerd.js';
import { runOf } from '../../test/helpers/shim/ctr.js';
import { within } from '../../test/helpers/base/wait-for.js';
import { type Add, type Closable, type Peer, type Run, playRounds } from '../harness/rounds.js';
import { anywhere } from '../harness/child.js';
import { type Shim, listShims } from './peer.js';
import { stopwatch } from '../harness/stage.js';

interface CtrPeer extends Closable {
  /** One that ends at once. */
  runShort(what: string, add: Add): Promise<void>;
  /** One with a terminal. */
  run(what: string, add: Add): Promise<void>;
  /** Runs a container that stays, until `leave`. */
  stay(): Promise<void>;
  leave(): Promise<void>;
}

export async function measureCtr({ report, isQuick }: Run, testbed: Testbed): Promise<void> {
  const containerd = await startContainerd(testbed);
  const peers = listShims().map((shim) => ctrPeer(testbed, containerd, shim));
  await playRounds({ peers, report, isQuick }, anywhere, isQuick ? 1 : 15, async (peer, add) => {
    await peer.run('first', add);
    await peer.stay();
    await peer.run('later', add);
    await peer.runShort('later', add);
    await peer.leave();
  });
}

function ctrPeer(testbed: Testbed, containerd: Containerd, { name, runtime }: Shim): Peer<CtrPeer> {
  const commandOf = (id: string, flags: string[], script: string): string[] =>
    containerd.command(...runOf(testbed, { shim: runtime, id, flags, script }));
  const resident = testbed.newId();
  return {
    name,
    mostConsoles: 1,
    start: () =>
      Promise.resolve({
        async runShort(what, add) {
          const elapsed = stopwatch();
          const { status, stderr } = await runToEnd(commandOf(testbed.newId(), ['--rm'], 'exit 0'), {
            env: testbed.env,
          });
          if (status !== 0) throw new Error(stderr);
          add(`ctr run --rm, ${what} container: from the beginning to the end`, 'ms', elapsed());
        },
        async run(what, add) {
          const elapsed = stopwatch();
          const terminal = startOnPty(testbed, commandOf(testbed.newId(), ['--rm', '-t'], 'exec sh'));
          try {
            await terminal.screen.hasBytes(1);
            add(`ctr run -t, ${what} container: prompt`, 'ms', elapsed());
            const sinceExit = stopwatch();
            terminal.type('exit\r');
            await within(terminal.ended, 'the end of ctr');
            add(`ctr run -t, ${what} container: from \`exit\` to the end`, 'ms', sinceExit());
          } finally {
            terminal.close();
          }
        },
        async stay() {
          await runOnPty(testbed, commandOf(resident, ['-d', '-t'], 'exec sleep 1000'));
        },
        async leave() {
          await containerd.ask('tasks', 'rm', '--force', resident);
          await containerd.ask('containers', 'rm', resident);
        },
        close: () => Promise.resolve(),
      }),
  };
}
