/**
 * A runtime may be gone when its container ends, for example after an upgrade. What could break: a delete fails for
 * ever, and processes, mounts, the cgroup or the runtime's own record of the container stay; a command runs another
 * program instead; or a failure is not reported. The runtime here is runc behind a link that the test removes while the
 * container runs; the test then examines the cgroups and runc's state directory.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findProgram } from '../../src/runtime/find-program.js';
import { findCgroupDirectories } from '../../src/task/cgroup/cgroup-paths.js';
import { readContainerRecord } from '../../src/daemon/container-record.js';
import { writeUserDaemonRecord } from '../../src/daemon/cleanup/user-daemon-record.js';
import { cleanUp } from '../../src/daemon/cleanup/cleanup.js';
import { Options } from '../../src/ttrpc/gen/containerd/runc-options.js';
import { Mount } from '../../src/ttrpc/gen/containerd/types.js';
import { message, packAny } from '../../src/ttrpc/message.js';
import { makeBundle } from '../helpers/runtime/bundle.js';
import { missing } from '../helpers/base/requirement.js';
import { shimCaller } from '../helpers/shim/shim.js';
import { assertKilledNow, callDelete } from '../helpers/shim/shim-delete.js';
import { openTestbed, type Testbed } from '../helpers/e2e/testbed.js';
import { serveTasks, type TaskServer } from '../helpers/shim/task-server.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

const skip = missing('root', 'runc', 'busybox');

interface Lost {
  id: string;
  pid: number;
  bundle: string;
  server: TaskServer;
  testbed: Testbed;
  cgroup: string[];
  loseRuntime: () => void;
  assertNothingLeft: () => void;
}

interface Kind {
  /** With a namespace of pids of its own. */
  ownPids: boolean;
  args?: readonly string[];
}

/** A container that runs, of a runtime that can be lost. */
async function start(t: TestContext, { ownPids, args = ['sleep', '1000'] }: Kind): Promise<Lost> {
  const testbed = openTestbed(t);
  const server = await serveTasks(t);
  const id = testbed.newId();
  const bundle = makeBundle(testbed, { args, terminal: false });
  const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as {
    linux: { namespaces: { type: string }[] };
  };
  if (!ownPids) config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== 'pid');
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
  mkdirSync(join(bundle, 'rootfs'));
  const link = testbed.path('runtime-of-a-test');
  symlinkSync(findProgram('runc', process.env['PATH'] ?? '') ?? '', link);
  const root = testbed.path('root');
  const options = packAny(Options, { binaryName: link, root });
  const rootfs = [message(Mount, { type: 'tmpfs', source: 'tmpfs' })];
  const { pid } = await server.task.create({ id, bundle, options, rootfs });
  await server.task.start({ id });
  const cgroup = findCgroupDirectories(pid);
  t.after(() => {
    spawnSync('runc', ['--root', join(root, 'test'), 'delete', '--force', id]);
    spawnSync('umount', ['-l', join(bundle, 'rootfs')]);
  });
  return {
    id,
    pid,
    bundle,
    server,
    testbed,
    cgroup,
    loseRuntime: () => rmSync(link),
    assertNothingLeft() {
      assert.equal(existsSync(`/proc/${pid}`), false);
      assert.deepEqual(
        cgroup.filter((directory) => existsSync(directory)),
        [],
      );
      assert.deepEqual(readdirSync(join(root, 'test')), []);
      assert.ok(
        !readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${join(bundle, 'rootfs')} `),
        'a mount is left',
      );
    },
  };
}

const isGone = /^cannot run the runtime .*runtime-of-a-test: no such file or directory \(ENOENT\)$/;

for (const ownPids of [true, false]) {
  const what = ownPids ? 'pids of its own' : 'the pids of the host';

  test(`a container with ${what} that has ended is deleted without its runtime`, { skip }, async (t) => {
    // A shell that leaves a child behind.
    const args = ['sh', '-c', 'sleep 1000 & exec sleep 1000'];
    const { id, server, cgroup, loseRuntime } = await start(t, { ownPids, args });
    assert.ok(cgroup.length > 0);
    loseRuntime();
    await server.task.kill({ id, signal: 9, all: false });
    assert.equal((await within(server.task.wait({ id }), 'the exit')).exitStatus, 137);
    assert.equal((await server.task.delete({ id })).exitStatus, 137);
    assert.deepEqual(
      cgroup.filter((directory) => existsSync(directory)),
      [],
    );
    assert.match(server.faults.map((error) => error.message).join('\n'), isGone);
  });

  test(`a container with ${what} is killed and deleted without its runtime`, { skip }, async (t) => {
    const lost = await start(t, { ownPids });
    const { id, server } = lost;
    lost.loseRuntime();
    await server.task.kill({ id, signal: 9, all: true });
    await within(server.task.wait({ id }), 'the exit');
    await server.task.delete({ id });
    assert.deepEqual(server.tasks.list(), []);
    lost.assertNothingLeft();
    assert.equal(
      existsSync(join(lost.bundle, 'termshim.json')),
      true,
      'what went wrong is for `delete` to look at again',
    );
  });
}

test('a paused container is ended without its runtime', { skip }, async (t) => {
  const lost = await start(t, { ownPids: true });
  const { id, server } = lost;
  await server.task.pause({ id });
  lost.loseRuntime();
  await server.task.kill({ id, signal: 9, all: true });
  await within(server.task.wait({ id }), 'the exit');
  await server.task.delete({ id });
  assert.deepEqual(
    lost.cgroup.filter((directory) => existsSync(directory)),
    [],
  );
});

test('an operation that needs the runtime fails while it is gone, and works when it is back', { skip }, async (t) => {
  const lost = await start(t, { ownPids: true });
  const { id, server, testbed } = lost;
  lost.loseRuntime();
  const refused = { message: /cannot run the runtime .*runtime-of-a-test: no such file or directory \(ENOENT\)/ };
  await assert.rejects(server.task.pids({ id }), refused);
  await assert.rejects(server.task.pause({ id }), refused);
  symlinkSync(findProgram('runc', process.env['PATH'] ?? '') ?? '', testbed.path('runtime-of-a-test'));
  assert.equal((await server.task.pids({ id })).processes.length, 1);
  await server.task.kill({ id, signal: 9, all: true });
  await within(server.task.wait({ id }), 'the exit');
  await server.task.delete({ id });
  lost.assertNothingLeft();
  assert.deepEqual(server.faults, []);
});

test('`delete` without a daemon and without the runtime removes everything, and warns', { skip }, async (t) => {
  const lost = await start(t, { ownPids: true });
  const { id, pid, bundle } = lost;
  const shim = shimCaller(t);
  lost.loseRuntime();
  assert.deepEqual(readContainerRecord(bundle)?.cgroup, lost.cgroup);
  const answer = await callDelete([...shim.argumentsFor(id), '-bundle', bundle, 'delete']);
  assertKilledNow(answer);
  assert.equal(answer.response.pid, pid);
  assert.match(answer.warnings.join('\n'), /^termshim: cannot run the runtime [^\n]* \[ERR_RUNTIME_NOT_FOUND\]$/);
  await waitFor(() => !existsSync(`/proc/${pid}`), 'the process to be reaped');
  // The server of this test is in the place of the daemon that is not there, and has its part of it.
  await lost.server.task.delete({ id });
  lost.assertNothingLeft();
});

test('the next daemon of a user ends what a killed one has left, without the runtime', { skip }, async (t) => {
  const lost = await start(t, { ownPids: true });
  const { id, pid, bundle, testbed, cgroup } = lost;
  const before = process.env['XDG_RUNTIME_DIR'];
  process.env['XDG_RUNTIME_DIR'] = testbed.path('runtime');
  t.after(() => {
    if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
    else process.env['XDG_RUNTIME_DIR'] = before;
  });
  const directory = join(testbed.path('runtime'), 'termshim', 'of-1-killed', 'container-abc');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(join(directory, 'init.pid'), String(pid));
  const runtime = [testbed.path('runtime-of-a-test')];
  lost.loseRuntime();
  writeUserDaemonRecord(directory, { id, bundle, name: runtime[0], runtime, cgroup });
  const [swept, faults]: [string[], Error[]] = [[], []];
  await cleanUp({ onCleanedUp: (it) => swept.push(it), onError: (error) => faults.push(error) });
  assert.deepEqual({ swept, faults }, { swept: [id], faults: [] });
  await waitFor(() => !existsSync(`/proc/${pid}`), 'the process to be reaped');
  assert.deepEqual(
    cgroup.filter((it) => existsSync(it)),
    [],
  );
  // The server of this test is in the place of the daemon that was killed, and has its mounts.
  await lost.server.task.delete({ id });
});
