/*
 * If an OOM is not reported, a killed container has no reason; if one is reported wrongly, the reason is false. In
 * these tests memory really runs out, in a cgroup of either version with a limit of 16 MiB, by a program that reads
 * /dev/zero for ever. The kernel reports the removal of a v1 cgroup by the same event, and another cgroup may have its
 * path by then.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { watchOom } from '../../../src/task/cgroup/oom-watch.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { makeMemoryCgroup } from '../../helpers/runtime/memory-cgroup.js';
import { missing } from '../../helpers/base/requirement.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const options = { skip: missing('root') };

/** Longer than the 10 ms for which the kernel may hold back what it has to tell. */
const whatComesLate = (): Promise<void> => delay(50);

leakTest(
  'each OOM is reported once, and a normal exit is not',
  async (scope) => {
    const { cgroup, spawn } = makeMemoryCgroup(scope);
    let told = 0;
    const watching = watchOom(cgroup, () => told++);
    scope.after(() => watching.close());
    for (const expected of [1, 2]) {
      const [, signal] = await within(once(spawn('tail', '/dev/zero'), 'exit'), 'the kernel to kill it', 30_000);
      assert.equal(signal, 'SIGKILL');
      await waitFor(() => told > expected - 1, 'the OOM to be told');
      await whatComesLate();
      assert.equal(told, expected);
    }
    const [code] = await within(once(spawn('true'), 'exit'), 'a normal end');
    assert.equal(code, 0);
    await whatComesLate();
    assert.equal(told, 2);
  },
  options,
);

leakTest(
  'neither the removal of a cgroup nor an event of the next cgroup at its path is reported as an OOM',
  async (scope) => {
    const first = makeMemoryCgroup(scope);
    let told = 0;
    const watching = watchOom(first.cgroup, () => told++);
    scope.after(() => watching.close());
    first.remove();
    const next = makeMemoryCgroup(scope, basename(first.directory));
    await whatComesLate();
    await within(once(next.spawn('tail', '/dev/zero'), 'exit'), 'the kernel to kill it', 30_000);
    await whatComesLate();
    assert.equal(told, 0);
  },
  options,
);

leakTest(
  'a closed watch reports nothing, and may be closed again, also by its listener',
  async (scope) => {
    const { cgroup, spawn } = makeMemoryCgroup(scope);
    let told = 0;
    const closed = watchOom(cgroup, () => told++);
    closed.close();
    closed.close();
    const once1 = watchOom(cgroup, () => {
      told++;
      once1.close();
    });
    for (let i = 0; i < 2; i++) await within(once(spawn('tail', '/dev/zero'), 'exit'), 'the kernel to kill it', 30_000);
    await waitFor(() => told > 0, 'the OOM to be told');
    await whatComesLate();
    assert.equal(told, 1);
  },
  options,
);

leakTest(
  'a watch of one control group does not report another',
  async (scope) => {
    const quiet = makeMemoryCgroup(scope);
    const loud = makeMemoryCgroup(scope);
    const told: string[] = [];
    const watches = [watchOom(quiet.cgroup, () => told.push('quiet')), watchOom(loud.cgroup, () => told.push('loud'))];
    scope.after(() => watches.forEach((watching) => watching.close()));
    await within(once(loud.spawn('tail', '/dev/zero'), 'exit'), 'the kernel to kill it', 30_000);
    await waitFor(() => told.length > 0, 'the OOM to be told');
    await whatComesLate();
    assert.deepEqual(told, ['loud']);
  },
  options,
);

leakTest('a control group that is missing or has no memory controller reports nothing', () => {
  const directory = '/sys/fs/cgroup/termshim-test-that-is-not-there';
  const before = readdirSync('/proc/self/fd').length;
  const watches = [
    watchOom({ version: 1, directories: new Map([['memory', directory]]) }, assert.fail),
    watchOom({ version: 1, directories: new Map([['cpu', directory]]) }, assert.fail),
    watchOom({ version: 2, directory }, assert.fail),
  ];
  assert.equal(readdirSync('/proc/self/fd').length, before);
  for (const watching of watches) watching.close();
});
