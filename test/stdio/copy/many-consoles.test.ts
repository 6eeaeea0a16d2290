/*
 * One process serves many consoles, and one console must not affect another: a flood must leave turns for an echo, two
 * hundred consoles must be copied at the same time, and idle ones must cost nothing, neither wake-ups nor blocks of
 * memory. The tests run such consoles together, and count wake-ups.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { addon } from '../../../src/native/addon.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { type Session, startSession } from '../../helpers/copy/console-session.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { settledCount, waitFor, within } from '../../helpers/base/wait-for.js';

const O_RDWR_NOCTTY_NONBLOCK = 0o4402;

leakTest('other consoles answer each key during a flood', async (scope) => {
  const flood = await startSession(scope, { tellsEnd: false });
  const quiet = await startSession(scope, { tellsEnd: false });
  flood.run('exec yes');
  quiet.run('stty raw -echo; echo ready; exec cat');
  await quiet.screen.expect('ready\n');
  await flood.screen.hasBytes(1_000_000);
  const delays: number[] = [];
  for (let key = 0; key < 50; key++) {
    const start = performance.now();
    await quiet.type(`<${key}>`);
    await quiet.screen.expect(`<${key}>`);
    delays.push(performance.now() - start);
  }
  const typical = delays.toSorted((a, b) => a - b)[25] as number;
  assert.ok(typical < 100, `an answer took ${typical} ms`);
  assert.ok(flood.screen.byteCount > 1_000_000, 'the flood went on meanwhile');
});

leakTest('two floods share the turns fairly', async (scope) => {
  const sessions = await Promise.all([1, 2, 3, 4].map(() => startSession(scope, { tellsEnd: false, hasStdin: false })));
  for (const session of sessions) session.run('exec yes');
  await Promise.all(sessions.map(({ screen }) => screen.hasBytes(500_000)));
});

/** Without processes, which would only cost time: the test writes to each tty itself. */
leakTest(
  'two hundred consoles at the same time carry every byte in both directions, and are all closed',
  async (scope) => {
    const sessions = await Promise.all(Array.from({ length: 200 }, () => startSession(scope, { drainTimeoutMs: 500 })));
    const ttys = sessions.map(({ console }) => {
      const tty = new OwnedFd(addon.fd_open(console.name, O_RDWR_NOCTTY_NONBLOCK, 0), console.name);
      scope.after(() => tty.close());
      addon.tty_set_raw(tty.fd);
      return tty;
    });
    for (let round = 0; round < 3; round++) {
      ttys.forEach((tty, i) => addon.fd_write(tty.fd, Buffer.from(`output ${round} of ${i};`)));
      await Promise.all(sessions.map(({ screen }, i) => screen.expect(`output ${round} of ${i};`)));
      await Promise.all(sessions.map((session, i) => session.type(`key ${round} of ${i};`)));
      for (const [i, tty] of ttys.entries()) {
        const expected = `key ${round} of ${i};`;
        const block = Buffer.alloc(64);
        const got = await waitFor(() => Math.max(0, addon.fd_read(tty.fd, block)) || undefined, expected);
        assert.equal(block.toString('utf8', 0, got), expected);
      }
    }
    for (const { copy } of sessions) copy.shutdown();
    const results = await within(Promise.all(sessions.map(({ copy }) => copy.done)), 'the end of all');
    assert.deepEqual(new Set(results.map(({ reason }) => reason)), new Set(['shutdown']));
  },
);

leakTest('idle consoles cost no wake-ups', async (scope) => {
  const sessions = await Promise.all(
    (['block', 'discard', 'hangup'] as const).flatMap((noReader) =>
      (['hangup', 'veof', 'ignore'] as const).map((stdinEnd) => startSession(scope, { noReader, stdinEnd })),
    ),
  );
  for (const session of sessions) session.run('echo ready; exec sleep 60');
  await Promise.all(sessions.map(({ screen }) => screen.expect('ready')));
  await assertIdle();
});

const lonely: Readonly<Record<string, (session: Session) => void>> = {
  'whose client has left stdout': (session) => session.leaveScreen(),
  'whose client has left stdin': (session) => session.leaveKeyboard(),
  'whose client does not read': (session) => session.screen.pause(),
};
for (const [what, leave] of Object.entries(lonely)) {
  leakTest(`a console ${what} costs no wake-ups`, async (scope) => {
    for (const noReader of ['block', 'discard'] as const) {
      const session = await startSession(scope, { noReader, drainTimeoutMs: 200 });
      session.run('trap "" HUP; echo ready; sleep 60');
      await session.screen.expect('ready');
      leave(session);
      await assertIdle();
    }
  });
}

leakTest('a console without an open tty costs no wake-ups', async (scope) => {
  const session = await startSession(scope, { tellsEnd: false });
  await assertIdle();
  await within(session.run('echo hello').exited, 'the process');
  await session.screen.expect('hello');
  await assertIdle();
});

leakTest('a console whose process waits for a reader costs no wake-ups', async (scope) => {
  const session = await startSession(scope, { noReader: 'block', drainTimeoutMs: 200, tellsEnd: false });
  session.leaveScreen();
  session.run('exec yes');
  await waitFor(() => session.copy.stdoutBytes > 30_000, 'the FIFO to fill up');
  await settledCount(() => session.copy.stdoutBytes, 'the output');
  await assertIdle();
});

/** This thread sleeps: it is woken by the timer of this function, and hardly by anything else. */
async function assertIdle(): Promise<void> {
  await delay(20);
  const before = voluntarySwitches();
  await delay(100);
  const wakeUps = voluntarySwitches() - before;
  assert.ok(wakeUps < 15, `${wakeUps} wake-ups in 100 ms`);
}

function voluntarySwitches(): number {
  const status = readFileSync(`/proc/self/task/${process.pid}/status`, 'utf8');
  return Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1]);
}
