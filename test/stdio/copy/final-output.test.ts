/*
 * The last output of a process is easily lost: it is still in the pty when the process has exited, and the bytes race
 * with the report of the exit. In the tests many processes write and exit at once, in front of a client that reads, one
 * that does not read yet, and one that comes late; every byte must arrive before `done`.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { type Session, startSession } from '../../helpers/copy/console-session.js';
import { type Scope, leakTest } from '../../helpers/base/leak-free.js';
import { printablePattern } from '../../helpers/copy/pattern.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

/** Writes the file as it is and is gone. */
const show = 'stty -opost; exec cat "$1"';

/** What a process has to write: no two of them alike. */
function output(session: Session, length: number, seed: number): { path: string; bytes: Buffer } {
  const path = join(session.directory, 'output');
  const bytes = printablePattern(length, seed);
  writeFileSync(path, bytes);
  return { path, bytes };
}

async function showAndEnd(scope: Scope, seed: number, endsOnHangup: boolean): Promise<void> {
  const session = await startSession(scope, { endsOnHangup, tellsEnd: !endsOnHangup, hasStdin: false });
  const { path, bytes } = output(session, 20_000, seed);
  session.run(show, path);
  const result = await within(session.copy.done, 'the end');
  const got = await session.screen.all();
  assert.ok(got.equals(bytes), `${got.length} of ${bytes.length} bytes arrived`);
  const reason = endsOnHangup ? 'hangup' : 'exit';
  assert.deepEqual(result, { reason, stdinBytes: 0, stdoutBytes: 20_000, discardedBytes: 0, undeliveredBytes: 0 });
}

for (const endsOnHangup of [false, true]) {
  const end = endsOnHangup ? 'the hang-up' : 'its reaping';
  leakTest(
    `a hundred processes that write 20,000 bytes and exit lose none, if the end is reported by ${end}`,
    async (scope) => {
      for (let round = 0; round < 20; round++) {
        const seeds = [1, 2, 3, 4, 5].map((i) => 5 * round + i);
        await Promise.all(seeds.map((seed) => showAndEnd(scope, seed, endsOnHangup)));
      }
    },
  );
}

describe('a client that does not read yet', () => {
  leakTest('gets all output if it fits into the kernel’s buffers', async (scope) => {
    const session = await startSession(scope, { hasStdin: false });
    const { path, bytes } = output(session, 40_000, 1);
    session.screen.pause();
    const leader = session.run(show, path);
    assert.equal(await within(leader.exited, 'the process, which need not wait'), 0);
    assert.equal(session.screen.byteCount, 0);
    session.screen.resume();
    assert.equal((await within(session.copy.done, 'the end')).undeliveredBytes, 0);
    assert.ok((await session.screen.all()).equals(bytes));
  });

  leakTest('gets all output if the process has to wait', async (scope) => {
    const session = await startSession(scope, { hasStdin: false });
    const { path, bytes } = output(session, 300_000, 1);
    session.screen.pause();
    const leader = session.run(show, path);
    await waitFor(() => session.copy.stdoutBytes >= 30_000, 'the FIFO to fill up');
    assert.equal(leader.hasExited, false);
    session.screen.resume();
    assert.equal((await within(session.copy.done, 'the end')).undeliveredBytes, 0);
    assert.ok((await session.screen.all()).equals(bytes));
  });

  leakTest('gets all output if it returns after the process has exited', async (scope) => {
    const session = await startSession(scope, { hasStdin: false, drainTimeoutMs: 5000 });
    const { path, bytes } = output(session, 40_000, 1);
    session.leaveScreen();
    const leader = session.run(show, path);
    await within(leader.exited, 'the process');
    const screen = session.returnToScreen();
    assert.equal((await within(session.copy.done, 'the end')).undeliveredBytes, 0);
    assert.ok((await screen.all()).equals(bytes));
  });
});

leakTest(
  'the output of a background process is copied to its end, and does not delay the last output of its leader',
  async (scope) => {
    const session = await startSession(scope, { hasStdin: false });
    const leader = session.run('trap "" HUP; (sleep 0.5; echo late) & echo before; exit 3');
    assert.equal(await within(leader.exited, 'the leader'), 3);
    await within(session.copy.drained, 'its last words, though the tty is still held open', 400);
    assert.equal((await within(session.copy.done, 'the end')).reason, 'exit');
    assert.equal((await session.screen.all()).toString(), 'before\r\nlate\r\n');
  },
);

leakTest('the output of several processes, one after the other, arrives in order', async (scope) => {
  const session = await startSession(scope, { hasStdin: false });
  session.run('for i in 1 2 3 4 5 6 7 8 9; do sh -c "echo $i"; done');
  await within(session.copy.done, 'the end');
  assert.equal((await session.screen.all()).toString(), '1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n');
});
