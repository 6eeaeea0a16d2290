/**
 * ctr and containerd pass the options of a container for termshim's runtime type. What could break: options of a client
 * before 2.0, of a TOML file or of `shim_cgroup` are refused or ignored, so a container runs with another runtime or in
 * another cgroup; or a file that cannot be read keeps other containers waiting. The tests pass each kind of options and
 * examine the container.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createFifo } from '../../../src/os/fifo.js';
import { directoriesOf } from '../../../src/task/cgroup/cgroup-paths.js';
import { type CommandResult, runToEnd } from '../../helpers/base/command.js';
import { startContainerd } from '../../helpers/shim/containerd.js';
import { runOf } from '../../helpers/shim/ctr.js';
import { writeProgram } from '../../helpers/runtime/fake-runtime.js';
import { hangingDisk } from '../../helpers/base/hanging-disk.js';
import { missing } from '../../helpers/base/requirement.js';
import { shimPath as shim } from '../../helpers/shim/shim.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';

const skip = missing('root', 'busybox', 'runc', 'containerd');

async function setUp(t: TestContext) {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const command = (script: string, ...flags: string[]): string[] =>
    containerd.command(...runOf(testbed, { shim, id: testbed.newId(), flags: ['--rm', ...flags], script }));
  return {
    testbed,
    containerd,
    run: (script: string, ...flags: string[]) => runToEnd(command(script, ...flags)),
    command,
  };
}

/** A file of options, and its flag of ctr. */
function config(testbed: Testbed, name: string, toml: string): string[] {
  const path = testbed.path(name);
  writeFileSync(path, toml);
  return ['--runtime-config-path', path];
}

function assertRefused({ stdout, stderr, status }: CommandResult, words: RegExp): void {
  assert.deepEqual([stdout, status], ['', 1]);
  assert.match(stderr, words);
}

test('--no-pivot of ctr reaches the runtime by either version of its message', { skip }, async (t) => {
  const { testbed, run } = await setUp(t);
  const runtime = writeProgram(testbed, 'telling-runc', `echo "$*" >>${testbed.path('told')}; exec runc "$@"`);
  const { stdout, stderr, status } = await run('echo in', '--no-pivot');
  assert.deepEqual([stdout, status], ['in\n', 0], stderr);
  const toml = config(testbed, 'options.toml', `BinaryName = "${runtime}"\nNoPivotRoot = true\n`);
  assert.deepEqual((await run('echo in', ...toml)).stdout, 'in\n');
  assert.match(readFileSync(testbed.path('told'), 'utf8'), / create .*--no-pivot/);
});

test('a file of TOML names the runtime and its root', { skip }, async (t) => {
  const { testbed, run } = await setUp(t);
  const root = testbed.path('runtime-root');
  const runtime = writeProgram(testbed, 'telling-runc', `echo "$*" >>${testbed.path('told')}; exec runc "$@"`);
  const toml = config(testbed, 'options.toml', `BinaryName = "${runtime}"\nRoot = "${root}"\n`);
  assert.equal((await run('echo in', ...toml)).stdout, 'in\n');
  assert.match(readFileSync(testbed.path('told'), 'utf8'), new RegExp(`--root ${root}/`));
  assertRefused(await run('echo in', ...config(testbed, 'broken.toml', 'Rooot = 1')), /unknown option "Rooot"/);
  assertRefused(await run('echo in', '--runtime-config-path', testbed.path('none')), /cannot read \S+none: ENOENT/);
  createFifo(testbed.path('fifo'));
  assertRefused(await run('echo in', '--runtime-config-path', testbed.path('fifo')), /fifo: it is not a regular file/);
});

test('a file on a disk that hangs keeps only its own container waiting', {
  skip: skip || missing('fuse'),
}, async (t) => {
  const { command, run } = await setUp(t);
  const disk = hangingDisk(t);
  const hanging = [1, 2, 3, 4, 5].map((n) =>
    runToEnd(command('echo in', '--runtime-config-path', join(disk, `${n}`)), { timeoutMs: 60_000 }),
  );
  for (let count = 0; count < 3; count++) assert.equal((await run('echo in')).stdout, 'in\n');
  for (const result of await Promise.all(hanging)) assertRefused(result, /the file system did not answer within 10 s/);
});

test('the daemon joins the first shim_cgroup, and another one is refused', { skip }, async (t) => {
  const { testbed, run, containerd } = await setUp(t);
  const names = ['a', 'b'].map((it) => `/termshim-test-${process.pid}-${it}`);
  const [first = '', second = ''] = names;
  // In each hierarchy; the first one's root is where it is mounted.
  const directories = directoriesOf('/').flatMap((it) => names.map((name) => it + name));
  // A group of cpuset has no processors of its own at first, and takes nobody then.
  const usable = directories.filter((it) => !it.includes('cpuset'));
  for (const directory of usable) mkdirSync(directory);
  testbed.after(() => {
    for (const directory of usable) rmdirSync(directory);
  });
  assertRefused(
    await run('echo in', ...config(testbed, 'none.toml', 'ShimCgroup = "/termshim-test-none"')),
    /cannot join the control group \/termshim-test-none \(shim_cgroup\): it does not exist/,
  );
  assertRefused(
    await run('echo in', ...config(testbed, 'up.toml', 'ShimCgroup = "/../x"')),
    /must be an absolute path without \.\./,
  );
  const keeper = testbed.newId();
  const keep = runOf(testbed, {
    shim,
    id: keeper,
    flags: ['-d', ...config(testbed, 'a.toml', `ShimCgroup = "${first}"`)],
    script: 'sleep 1000',
  });
  await containerd.ask(...keep);
  const members = (path: string): string[] =>
    usable
      .filter((it) => it.endsWith(path))
      .flatMap((it) => readFileSync(join(it, 'cgroup.procs'), 'utf8').trim().split('\n'));
  const daemons = [...new Set(members(first))].filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('shim/daemon.cjs'),
  );
  assert.equal(daemons.length, 1);
  assert.equal(members(first).filter((pid) => pid === daemons[0]).length, usable.length / 2);
  assert.equal((await run('echo in', ...config(testbed, 'again.toml', `ShimCgroup = "${first}"`))).stdout, 'in\n');
  assert.equal((await run('echo in')).stdout, 'in\n');
  const other = await run('echo in', ...config(testbed, 'b.toml', `ShimCgroup = "${second}"`));
  assertRefused(
    other,
    /it has joined \S+-a for another container; with TERMSHIM_GROUP=container each container has its own daemon/,
  );
  assert.deepEqual(
    members(second).filter((it) => it !== ''),
    [],
  );
  await containerd.ask('tasks', 'kill', '-s', 'KILL', keeper);
  await containerd.ask('tasks', 'delete', keeper);
  await containerd.ask('containers', 'delete', keeper);
});
