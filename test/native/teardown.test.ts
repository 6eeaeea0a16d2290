/*
 * An environment can end at any moment of the addon's life: a worker is terminated, or a process exits. An open libuv
 * handle then aborts the process, a freed callback crashes it, and a forgotten descriptor stays open in a process that
 * goes on. Each row is a point of the addon's life, and it ends there in every possible way: as a worker of this
 * process, which must have the same descriptors as before, and as a process of its own, which must exit with 0.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Ending, Life } from '../fixtures/addon/native-life.js';
import { fifoPair } from '../helpers/copy/fifo-pair.js';
import { fixturePath, runFixture } from '../helpers/base/fixture.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';
import { addon } from '../../src/native/addon.js';

/** Those that leave nothing that keeps an event loop alive. */
const quietStages = [
  'loaded',
  'epoll created',
  'descriptor watched',
  'event waiting',
  'pump created',
  'pump with a pending block',
  'pump destroyed, its block in the pool',
  'encoder with an unfinished line',
  'log open',
  'socket listening',
  'descriptor received',
  'console open',
  'watch closed',
];
const busyStages = [
  'descriptor watched, keeping the loop alive',
  'console socket waiting',
  'process watched',
  'copy running',
  'copy draining, its timer running',
  'inside a listener',
];

async function runWorker(life: Life): Promise<number> {
  const worker = new Worker(fixturePath('addon/native-life'), { workerData: life });
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error as Error));
  failed.catch(() => {});
  const exited = once(worker, 'exit').then(([code]) => code as number);
  if (life.ending === 'terminated') {
    await within(Promise.race([once(worker, 'message'), failed, exited]), `the stage "${life.stage}"`);
    await within(worker.terminate(), 'the end of the worker');
  }
  return within(Promise.race([exited, failed]), 'the end of the worker');
}

describe('a worker that ends leaves no descriptor behind', () => {
  const rows: (readonly [string, Ending, number])[] = [
    ...quietStages.map((stage) => [stage, 'by itself', 0] as const),
    ...[...quietStages, ...busyStages].map((stage) => [stage, 'by process.exit', 0] as const),
    ...[...quietStages, ...busyStages].map((stage) => [stage, 'terminated', 1] as const),
  ];
  for (const [stage, ending, code] of rows) {
    leakTest(`${stage}: ${ending}`, async (scope) => {
      assert.equal(await runWorker({ stage, ending, directory: temporaryDirectory(scope) }), code);
    });
  }
});

describe('a process ends with status 0', { concurrency: 2 }, () => {
  const rows: (readonly [string, Ending])[] = [
    ...quietStages.map((stage) => [stage, 'by itself'] as const),
    ...[...quietStages, ...busyStages].map((stage) => [stage, 'by process.exit'] as const),
  ];
  for (const [stage, ending] of rows) {
    test(`${stage}: ${ending}`, async (scope) => {
      const outcome = await runFixture('addon/native-life', [stage, ending, temporaryDirectory(scope)]);
      assert.deepEqual(outcome, { code: 0, signal: null, stdout: '', stderr: '' });
    });
  }
});

leakTest('a process loses its terminal when the worker that owns the console is terminated', async (scope) => {
  const worker = new Worker(fixturePath('addon/worker-with-a-console'));
  const [pid] = (await within(once(worker, 'message'), 'the pid')) as [number];
  scope.after(() => isAlive(pid) && process.kill(pid, 'SIGKILL'));
  assert.ok(isAlive(pid));
  await worker.terminate();
  await waitFor(() => !isAlive(pid), 'the hang-up of the console');
});

leakTest('two workers and the main thread wait at once, and each gets its own events', async (scope) => {
  const names = ['first', 'second'];
  const pairs = names.map(() => fifoPair(scope));
  const workers = pairs.map(({ path }) => new Worker(fixturePath('addon/worker-that-reads'), { workerData: path }));
  await within(Promise.all(workers.map((worker) => once(worker, 'message'))), 'both to be ready');
  for (let round = 0; round < 20; round++) {
    const answers = workers.map((worker) => once(worker, 'message'));
    pairs.forEach(({ writer }, i) => addon.fd_write(writer.fd, Buffer.from(`${names[i]} ${round}`)));
    assert.deepEqual((await within(Promise.all(answers), 'both answers')).flat(), [
      `first ${round}`,
      `second ${round}`,
    ]);
  }
  await Promise.all(workers.map((worker) => worker.terminate()));
});

leakTest('workers start and end, four at a time, and leave nothing open', async (scope) => {
  const stages = ['descriptor watched', 'event waiting', 'watch closed', 'console open'];
  for (let round = 0; round < 5; round++) {
    const lives = stages.map((stage) => ({
      stage,
      ending: 'by itself' as const,
      directory: temporaryDirectory(scope),
    }));
    assert.deepEqual(await Promise.all(lives.map(runWorker)), [0, 0, 0, 0]);
  }
});

/** Not a zombie either. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
