/*
 * What keeps a daemon alive, and what may end it. One that ends too early takes containers with it; one that never ends
 * is 40 MB that nobody looks for. A container that cannot be let go of whole must not stay as one that nobody can delete.
 */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { unmountAll } from '../../src/os/mount.js';
import { createTasks } from '../../src/shim/tasks.js';
import { CreateTaskRequest } from '../../src/ttrpc/gen/containerd/task.js';
import { message } from '../../src/ttrpc/message.js';
import { Code } from '../../src/ttrpc/status.js';
import { leakTest } from '../helpers/leak-free.js';
import { missing } from '../helpers/requirement.js';
import { serveTasks } from '../helpers/task-server.js';

function countEnds() {
  const told = { ends: 0 };
  const tasks = createTasks({
    namespace: 'test',
    onEvent() {},
    onFault() {},
    onEnd: () => (told.ends += 1),
  });
  return { tasks, told };
}

test('the end that was asked for while a container was created comes when that has failed', async () => {
  const { tasks, told } = countEnds();
  const failing = tasks.create(message(CreateTaskRequest, { id: 'c', bundle: '/nonexistent' }));
  tasks.shutdown();
  assert.equal(told.ends, 0);
  await assert.rejects(failing, { code: 'ERR_BUNDLE_INVALID' });
  assert.equal(told.ends, 1);
});

leakTest('whoever is late to remove a container leaves its successor alone', async (scope) => {
  const { task, tasks, request } = await serveTasks(scope);
  const id = 'c';
  await task.create(await request(id, 'exec sleep 100'));
  const first = tasks.get(id);
  await task.delete({ id });
  await task.create(await request(id, 'exec sleep 100'));
  tasks.remove(first);
  assert.equal((await task.state({ id })).id, id);
});

leakTest(
  'a container that was deleted is gone, though its mounts are not',
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
