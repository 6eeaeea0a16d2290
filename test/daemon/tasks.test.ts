/*
 * Containers, clients and reservations keep a daemon alive. A daemon that ends too early ends its containers; one that
 * never ends wastes 40 MB. containerd may also give up a container at any time, even during its creation: then nothing
 * of the container may stay, and its id must be free. The tests end and give up containers at these moments.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { unmountAll } from '../../src/os/mount/mount-all.js';
import { createTasks } from '../../src/daemon/tasks.js';
import { Options } from '../../src/ttrpc/gen/containerd/runc-options.js';
import { CreateTaskRequest } from '../../src/ttrpc/gen/containerd/task.js';
import { message, packAny } from '../../src/ttrpc/message.js';
import { Code } from '../../src/ttrpc/status.js';
import { fakeRuntime } from '../helpers/runtime/fake-runtime.js';
import { openDescriptors } from '../helpers/base/descriptors.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { isV2 } from '../helpers/runtime/memory-cgroup.js';
import { missing } from '../helpers/base/requirement.js';
import { serveTasks } from '../helpers/shim/task-server.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

function countEnds() {
  const told = { ends: 0 };
  const tasks = createTasks({
    namespace: 'test',
    onEvent() {},
    onError() {},
    onEnd: () => (told.ends += 1),
  });
  return { tasks, told };
}

test('a daemon that is asked to end during a Create ends when the Create has failed', async () => {
  const { tasks, told } = countEnds();
  const failing = tasks.create(
    message(CreateTaskRequest, { id: 'c', bundle: '/nonexistent' }),
    new AbortController().signal,
  );
  tasks.shutdown();
  assert.equal(told.ends, 0);
  await assert.rejects(failing, { code: 'ERR_BUNDLE_INVALID' });
  assert.equal(told.ends, 1);
});

leakTest('a daemon ends without a request if containerd has given up its last container', async (scope) => {
  const { task, shim, request, ends } = await serveTasks(scope);
  await shim.reserve({ id: 'never-created' });
  await task.create(await request('given-up', 'exec sleep 100'));
  await shim.forget({ id: 'given-up' });
  assert.equal(ends(), 0);
  await shim.forget({ id: 'never-created' });
  await waitFor(() => ends() === 1, 'the end');
});

leakTest('a container that is given up during its creation is gone at once, and its id is free', async (scope) => {
  const { task, shim, tasks, request } = await serveTasks(scope);
  const id = 'c';
  const nobodyReads = { ...(await request(id, 'exec sleep 100')), stdout: (await request('other', '')).stdin ?? '' };
  const opened = (): number => openDescriptors().filter((it) => it.endsWith(` ${nobodyReads.stdin}`)).length;
  const before = opened();
  const creating = task.create(nobodyReads);
  const refused = assert.rejects(creating, { code: Code.Aborted });
  // It opens stdin first, and then waits for a reader of stdout.
  await waitFor(() => opened() > before, 'the creation to wait');
  assert.equal(tasks.find(id), undefined);
  // Something has to keep the daemon.
  await shim.reserve({ id: 'next' });
  const { known } = await within(shim.forget({ id }), 'the answer', 5000);
  assert.equal(known, false);
  await within(refused, 'the refusal', 1000);
  await task.create(await request(id, 'exec sleep 100'));
  await shim.forget({ id: 'next' });
});

leakTest('a late removal of a container does not touch its successor', async (scope) => {
  const { task, tasks, request } = await serveTasks(scope);
  const id = 'c';
  await task.create(await request(id, 'exec sleep 100'));
  const first = tasks.get(id);
  await task.delete({ id });
  await task.create(await request(id, 'exec sleep 100'));
  await tasks.remove(first);
  assert.equal((await task.state({ id })).id, id);
});

leakTest(
  'a container that was deleted is gone even if its mounts stay',
  async (scope) => {
    const { task, request } = await serveTasks(scope);
    const id = 'c';
    const { bundle = '', ...rest } = await request(id, 'exec sleep 100');
    mkdirSync(join(bundle, 'rootfs'));
    const rootfs = [{ type: 'tmpfs', source: 'tmpfs', target: '', options: [] }];
    await task.create({ ...rest, id, bundle, rootfs });
    const moved = `${bundle}-moved`;
    renameSync(bundle, moved);
    scope.after(() => unmountAll(join(moved, 'rootfs')));
    symlinkSync(bundle, bundle);
    await assert.rejects(task.delete({ id }), /ELOOP/);
    await assert.rejects(task.state({ id }), { code: Code.NotFound });
  },
  { skip: missing('root') },
);

leakTest(
  'a container is created even if its memory cannot be watched',
  async (scope) => {
    const directory = temporaryDirectory(scope);
    const cgroup = `/sys/fs/cgroup/memory/termshim-test-${randomBytes(5).toString('hex')}`;
    const hidden = join(directory, 'hidden');
    mkdirSync(cgroup);
    mkdirSync(join(hidden, 'cgroup.event_control'), { recursive: true });
    writeFileSync(join(hidden, 'memory.oom_control'), '');
    scope.after(async () => {
      await unmountAll(cgroup);
      await waitFor(() => removes(cgroup), 'the cgroup to be empty');
    });
    const { task, request, faults } = await serveTasks(scope);
    const script = `echo $$ >${cgroup}/cgroup.procs; mount --bind ${hidden} ${cgroup}`;
    const binaryName = fakeRuntime({ path: (name) => join(directory, name) }, { create: script });
    const options = packAny(Options, { binaryName, root: join(directory, 'root') });
    const id = 'c';
    await task.create({ ...(await request(id, 'exec sleep 100')), options });
    assert.match(String(faults[0]?.message), /cgroup\.event_control/);
    await task.start({ id });
  },
  { skip: missing('root') || (isV2 && 'needs cgroups of version 1') },
);

function removes(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch {
    return false;
  }
}
