/** A way to a terminal as a peer. Its consoles are those of containers of a daemon that has no others. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from '../../test/helpers/e2e/stage.js';
import { waitFor } from '../../test/helpers/base/wait-for.js';
import { builtProgram } from '../harness/child.js';
import type { Peer, ProgramCall, RunningPeer } from '../harness/peer.js';
import { startUserDaemon, type UserDaemon } from './user-daemon.js';
import { commandOf, visit, type Visitor, type Way } from './ways.js';

export interface RunningSession extends RunningPeer {
  /** Somebody comes, to a program that sends back each line. */
  visit(): Promise<Visitor>;
  /** The command of a human who comes. */
  readonly command: readonly string[];
  /** Has it show something that nobody has read, for who comes next. */
  prompt(): Promise<void>;
}

export function sessionPeer(stage: Stage, way: Way): Peer<RunningSession> {
  return {
    name: way.name,
    mostConsoles: 100,
    async start(placement) {
      const daemon = await startUserDaemon(stage, way, placement);
      const { id, ends } = await daemon.run('echo ready; exec cat');
      const place = { id, stdin: ends.stdin, stdout: ends.stdout, sessions: daemon.sessions };
      const shownBytes = async () => (await daemon.sessions.inspect({ id })).session?.stdoutBytes ?? 0n;
      await waitFor(async () => (await shownBytes()) > 0n, 'the first output');
      return {
        placement,
        pids: () => [daemon.pid],
        open: (call) => openConsole(daemon, stage.newId(), call),
        async openIdle(count) {
          for (let i = 0; i < count; i++) (await daemon.run('echo idle; exec cat')).ends.output.resume();
        },
        visit: () => visit(stage, way, place),
        command: [...daemon.environment, ...commandOf(way, place)],
        async prompt() {
          // What a session has shown is shown again.
          if (!way.hasFifos) return;
          const before = await shownBytes();
          ends.type('\n');
          await waitFor(async () => (await shownBytes()) > before, 'more output');
        },
        close: () => daemon.close(),
      };
    },
  };
}

/** Runs bench/c/program.c on the tty. Its `ready` goes to a file, where it is no part of the output. */
async function openConsole(daemon: UserDaemon, name: string, [mode, ...amounts]: ProgramCall) {
  const sign = join(daemon.directory, `${name}.ready`);
  const command = `exec ${builtProgram('program')} ${mode} /dev/tty ${amounts.join(' ')} >${sign}`;
  const session = await daemon.run(command, { isFollowed: true });
  await waitFor(() => existsSync(sign) && statSync(sign).size > 0, 'the program');
  const { stdin: stdinPath, stdout: stdoutPath } = session.ends;
  return { stdinPath, stdoutPath, end: () => session.remove() };
}
