/** A terminal of the daemon of a user: a client of its session, beside FIFOs as containerd gives them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Testbed } from '../../test/helpers/e2e/testbed.js';
import { startOnPty } from '../../test/helpers/sessions/pty-command.js';
import { measureCrowd, measureEcho, measureFlood } from '../consoles/rows.js';
import { anywhere } from '../harness/child.js';
import { type Add, type Bench, type Run, type Section, playRounds } from '../harness/rounds.js';
import { onStage, stopwatch } from '../harness/stage.js';
import { type RunningSession, sessionPeer, ways } from './peer.js';

export function sessionSection(): Section {
  const row =
    (measure: (bench: Bench<RunningSession>, testbed: Testbed) => Promise<void>) =>
    (run: Run): Promise<void> =>
      onStage(run.report, (testbed) =>
        measure({ ...run, peers: ways.map((way) => sessionPeer(testbed, way)) }, testbed),
      );
  return {
    limit: ways[0].name,
    peers: ways,
    rows: {
      'session:attach': row(measureAttach),
      'session:echo': row((bench) => measureEcho(bench, anywhere, '')),
      'session:flood': row((bench) => measureFlood(bench, anywhere, '')),
      'session:crowd': row(measureCrowd),
    },
  };
}

/**
 * How long until somebody who comes to a terminal sees something, and their first key has come back: from the call of a
 * program that is there, and from the execution of a command, which is a start of Node.
 */
export async function measureAttach(bench: Bench<RunningSession>, testbed: Testbed): Promise<void> {
  let keys = 0;
  await playRounds(bench, anywhere, bench.isQuick ? 1 : 25, async (peer, add) => {
    await comeAsProgram(peer, add, `${++keys} by a program.`);
    await comeAsHuman(peer, add, `${keys} by a human.`, testbed);
  });
}

/** Until whoever left is gone. */
const pauseMs = 60;

async function comeAsProgram(peer: RunningSession, add: Add, key: string): Promise<void> {
  await peer.prompt();
  await delay(pauseMs);
  const elapsed = stopwatch();
  const visitor = await peer.visit();
  await visitor.output.hasBytes(1);
  add('attach: first byte', 'ms', elapsed());
  await visitor.type(`${key}\n`);
  await visitor.output.expect(key);
  add('attach: a key is back', 'ms', elapsed());
  visitor.leave();
}

async function comeAsHuman(peer: RunningSession, add: Add, key: string, testbed: Testbed): Promise<void> {
  await peer.prompt();
  await delay(pauseMs);
  const elapsed = stopwatch();
  const terminal = startOnPty(testbed, peer.command);
  try {
    await terminal.screen.hasBytes(1);
    add('`termshim attach`: first byte', 'ms', elapsed());
    terminal.type(`${key}\r`);
    await terminal.screen.expect(key);
    add('`termshim attach`: a key is back', 'ms', elapsed());
  } finally {
    terminal.close();
    await terminal.ended;
  }
}
