/*
 * A subreaper inherits every orphan below it and must reap it. But libuv waits for Node's own children by pid, and a
 * status that something else reaps never comes again: `exit` is never emitted. The tests end many of Node's children
 * and many orphans at the same time; every status must be right, and no zombie may stay. This whole process is a
 * subreaper.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, type SpawnOptions, exec, execFileSync, fork, spawn, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { watchProcess } from '../../../src/os/process/process-watch.js';
import { becomeSubreaper, holdOrphans } from '../../../src/os/process/subreaper.js';
import { fixturePath, runFixture } from '../../helpers/base/fixture.js';
import { makeLatch } from '../../helpers/base/latch.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { startOrphan } from '../../helpers/base/orphan.js';
import { parentOf, processState } from '../../helpers/base/process-state.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

/** These were Node's before the process became a subreaper; they end while the first tests run. */
const early = Array.from({ length: 30 }, (_, code) => startChild(`sleep 0.${10 + code}; exit ${code}`));
const earlyStatuses = Promise.all(early.map(statusOf));
becomeSubreaper();
becomeSubreaper();

/** Not kept in the event loop: a lost status fails a test, and must not hang the rest. */
function startChild(script: string, options: SpawnOptions = {}): ChildProcess {
  const child = spawn('sh', ['-c', script], { stdio: 'ignore', ...options });
  child.unref();
  return child;
}

/** Not by `once` of node:events, which takes an `error` for the end. */
function statusOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? (signal as NodeJS.Signals)));
  });
}

/** Of all our threads, and orphans that have become ours. */
function childPids(): number[] {
  const lists = readdirSync('/proc/self/task').map((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8'));
  return lists.flatMap((list) =>
    list
      .split(' ')
      .filter((pid) => pid !== '')
      .map(Number),
  );
}

function noZombieStays(): Promise<unknown> {
  const isClean = (): boolean => childPids().every((pid) => processState(pid) !== 'Z');
  return waitFor(isClean, 'every zombie to be reaped', 3000);
}

describe('an orphan', () => {
  leakTest('becomes a child of this process, and is reaped if nobody watches it', async () => {
    const pids = await Promise.all(Array.from({ length: 30 }, (_, i) => startOrphan(`sleep 0.0${i % 10}`)));
    await waitFor(() => pids.every((pid) => processState(pid) === undefined), 'all to be reaped');
    await noZombieStays();
  });

  leakTest('that is watched is reported with its status', async () => {
    const pid = await startOrphan('sleep 0.05; exit 9');
    assert.equal(parentOf(pid), process.pid);
    assert.equal(await within(watchProcess(pid).exited, 'the exit'), 9);
    await noZombieStays();
  });

  leakTest('whose watch was closed is reaped like any other', async () => {
    const pid = await startOrphan('sleep 0.05');
    watchProcess(pid).close();
    await waitFor(() => processState(pid) === undefined, 'it to be reaped');
  });

  leakTest('that ends while orphans are held can be watched afterwards', async () => {
    const release = holdOrphans();
    const pid = await startOrphan('sleep 0.03; exit 9');
    await waitFor(() => processState(pid) === 'Z', 'a zombie');
    const { exited } = watchProcess(pid);
    release();
    release();
    assert.equal(await within(exited, 'the exit'), 9);
  });

  leakTest('that ends while orphans are held is reaped at the release of the last hold', async () => {
    const releases = [holdOrphans(), holdOrphans()];
    const pids = await Promise.all([1, 2, 3].map(() => startOrphan('sleep 0.03')));
    await waitFor(() => pids.every((pid) => processState(pid) === 'Z'), 'zombies');
    releases[0]?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(pids.every((pid) => processState(pid) === 'Z'));
    releases[1]?.();
    await noZombieStays();
  });

  test('is reaped although an older zombie, for which nobody waits, stays', async () => {
    const { code, stdout } = await runFixture('os/subreaper-with-a-zombie-from-before');
    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'all orphans were reaped\n' });
  });

  leakTest('that is the grandchild of a grandchild is reaped too', async () => {
    const pid = await startOrphan('(sh -c "sleep 0.05" &) ; sleep 0.02');
    await waitFor(() => processState(pid) === undefined, 'the first');
    await noZombieStays();
  });
});

describe('a child of Node', () => {
  leakTest(
    'has its status if fifty children, fifty orphans and fifty watched ones end at the same time',
    async (scope) => {
      const latch = makeLatch(scope);
      const codes = Array.from({ length: 50 }, (_, code) => code);
      const watchedPids = await Promise.all(codes.map((code) => startOrphan(`${latch.wait}; exit ${100 + code}`)));
      const orphans = await Promise.all(codes.map(() => startOrphan(latch.wait)));
      const watched = Promise.all(watchedPids.map((pid) => watchProcess(pid).exited));
      const children = Promise.all(codes.map((code) => statusOf(startChild(`${latch.wait}; exit ${code}`))));
      await waitFor(() => childPids().length >= 150, 'all to be our children');
      latch.open();
      assert.deepEqual(await within(children, 'the children'), codes);
      assert.deepEqual(
        await within(watched, 'the watched'),
        codes.map((code) => 100 + code),
      );
      await waitFor(() => orphans.every((pid) => processState(pid) === undefined), 'the orphans');
      await noZombieStays();
    },
  );

  test('has its status if it was started before the process became a subreaper', async () => {
    assert.deepEqual(
      await within(earlyStatuses, 'the children', 3000),
      early.map((_, code) => code),
    );
  });

  leakTest('has its status by signals, spawnSync, execFileSync, exec and fork', async () => {
    const killed = startChild('exec sleep 60');
    const status = statusOf(killed);
    killed.kill('SIGKILL');
    assert.equal(await within(status, 'the killed'), 'SIGKILL');
    assert.equal(spawnSync('sh', ['-c', 'exit 5']).status, 5);
    assert.equal(execFileSync('echo', ['x'], { encoding: 'utf8' }), 'x\n');
    await assert.rejects(promisify(exec)('exit 6'), { code: 6 });
    assert.equal(await within(statusOf(fork(fixturePath('os/process-watch-lets-go'))), 'the forked'), 0);
    await noZombieStays();
  });

  leakTest('that is aborted is still reaped after its error', async () => {
    const codes = Array.from({ length: 20 }, (_, code) => code);
    const statuses = codes.map((code) => {
      const aborting = new AbortController();
      const script = `trap 'exit ${code}' TERM; while :; do sleep 0.01; done`;
      const child = startChild(script, { signal: aborting.signal });
      child.on('error', () => {});
      setTimeout(() => aborting.abort(), 100);
      return statusOf(child);
    });
    assert.deepEqual(await within(Promise.all(statuses), 'the aborted', 3000), codes);
  });

  test('that cannot be started is still an uncaught exception if nobody listens', async () => {
    const { stdout } = await runFixture('os/subreaper-with-failing-spawn');
    assert.equal(stdout, 'uncaught ENOENT\n');
  });
});
