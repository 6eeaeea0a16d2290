/*
 * A waiter must learn the end of a process if it comes before the watch, during it, or never, because no process has
 * the pid. A child of another process must not be reaped, and the wait for it must end. This process has no handler of
 * SIGCHLD, so a zombie stays until it is watched; subreaper.test.ts tests the whole subreaper.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { before, describe, test } from 'node:test';
import { addon } from '../../../src/native/addon.js';
import { watchProcess } from '../../../src/os/process/process-watch.js';
import { runFixture } from '../../helpers/base/fixture.js';
import { makeLatch } from '../../helpers/base/latch.js';
import { type Scope, leakTest } from '../../helpers/base/leak-free.js';
import { startOrphan } from '../../helpers/base/orphan.js';
import { parentOf, processState } from '../../helpers/base/process-state.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const { SIGTERM, SIGKILL } = constants.signals;

before(() => {
  assert.equal(addon.process_set_subreaper(true), 0);
});

/** A grandchild that stays one: its parent waits for it, until the test is over. */
async function startGrandchild(scope: Scope, script: string): Promise<number> {
  const middle = spawn('sh', ['-c', 'sh -c "$0" & echo $!; wait', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(middle, 'exit');
  scope.after(() => exited);
  const [line] = (await once(middle.stdout, 'data')) as [Buffer];
  middle.stdout.destroy();
  return Number(String(line));
}

describe('the exit status of an inherited child is reported for', () => {
  const rows: readonly (readonly [string, string, number])[] = [
    ['exit 0', 'exit 0', 0],
    ['exit 7', 'exit 7', 7],
    ['exit 255', 'exit 255', 255],
    ['SIGTERM', 'kill -TERM $$', 128 + SIGTERM],
    ['SIGKILL', 'kill -KILL $$', 128 + SIGKILL],
    ['a signal that dumps core', 'ulimit -c 0; kill -SEGV $$', 128 + 11],
  ];
  for (const [what, script, status] of rows) {
    leakTest(`${what}, watched while it runs`, async () => {
      const pid = await startOrphan(`sleep 0.05; ${script}`);
      assert.equal(parentOf(pid), process.pid);
      const watching = watchProcess(pid);
      assert.equal(watching.pid, pid);
      assert.equal(await within(watching.exited, 'the exit'), status);
      assert.equal(processState(pid), undefined, 'it was reaped');
    });

    leakTest(`${what}, watched when it has ended`, async () => {
      const pid = await startOrphan(`sleep 0.05; ${script}`);
      await waitFor(() => processState(pid) === 'Z', 'a zombie');
      assert.equal(await within(watchProcess(pid).exited, 'the exit'), status);
      assert.equal(processState(pid), undefined, 'it was reaped');
    });
  }
});

leakTest('signal reaches the process while it runs, and returns false afterwards', async () => {
  const pid = await startOrphan('exec sleep 60');
  const watching = watchProcess(pid);
  assert.equal(watching.signal(0), true);
  assert.equal(watching.signal(SIGTERM), true);
  assert.equal(await within(watching.exited, 'the exit'), 128 + SIGTERM);
  assert.equal(watching.signal(0), false);
  watching.close();
});

leakTest('a pid that does not exist cannot be watched', () => {
  const message = `there is no process ${2 ** 22 + 1}`;
  assert.throws(() => watchProcess(2 ** 22 + 1), { name: 'TermshimError', code: 'ERR_PROCESS_NOT_FOUND', message });
});

leakTest('an invalid pid is an error that says so', () => {
  for (const pid of [0, -1]) assert.throws(() => watchProcess(pid), { name: 'TermshimError', errno: 'EINVAL' });
});

describe('a child of another process', () => {
  leakTest('is reported as ended without a status, which its parent gets', async (scope) => {
    const pid = await startGrandchild(scope, 'sleep 0.05; exit 7');
    assert.notEqual(parentOf(pid), process.pid);
    assert.equal(await within(watchProcess(pid).exited, 'the exit'), undefined);
  });

  leakTest('can be sent signals', async (scope) => {
    const pid = await startGrandchild(scope, 'exec sleep 60');
    const watching = watchProcess(pid);
    assert.equal(watching.signal(SIGTERM), true);
    assert.equal(await within(watching.exited, 'the exit'), undefined);
  });
});

leakTest('close before the end reports and reaps nothing, and may be called twice', async () => {
  const pid = await startOrphan('sleep 0.05');
  const watching = watchProcess(pid);
  let isTold = false;
  void watching.exited.then(() => (isTold = true));
  watching.close();
  watching.close();
  assert.equal(watching.signal(0), false);
  await waitFor(() => processState(pid) === 'Z', 'a zombie');
  assert.equal(isTold, false);
  assert.equal(await within(watchProcess(pid).exited, 'the next watch'), 0);
});

leakTest('a hundred watches at the same time each get the status of their own process', async (scope) => {
  const latch = makeLatch(scope);
  const codes = Array.from({ length: 100 }, (_, code) => code);
  const pids = await Promise.all(codes.map((code) => startOrphan(`${latch.wait}; exit ${code}`)));
  const exits = Promise.all(pids.map((pid) => watchProcess(pid).exited));
  latch.open();
  assert.deepEqual(await within(exits, 'all exits'), codes);
});

test('a watch keeps the process alive, and a closed one does not', async () => {
  const outcome = await runFixture('os/process-watch-lets-go', [], { timeout: 5000 });
  assert.deepEqual(outcome, { code: 0, signal: null, stdout: '', stderr: '' });
});
