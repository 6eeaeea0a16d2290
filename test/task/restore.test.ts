/*
 * A container that is restored from a checkpoint has no process before its start, and another command of the runtime
 * creates it. What could break: its console or pipes, commands before there is a process, or a restore that is refused
 * or cancelled when a part of the container already exists. A fake runtime restores by the pty runtime's create and
 * start.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/package.js';
import { directoriesOf } from '../../src/task/cgroup/cgroup-paths.js';
import { ociRuntime, type OciRuntime } from '../../src/runtime/oci-runtime.js';
import { ptyRuntimeProgram } from '../helpers/runtime/fake-runtime.js';
import { leakTest, type Scope } from '../helpers/base/leak-free.js';
import { newContainer, newStdio, type TestContainer, type TestStdio } from '../helpers/runtime/task.js';
import { missing } from '../helpers/base/requirement.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

const sigkill = 9;

interface Restored extends TestContainer, TestStdio {
  runtime: OciRuntime;
  images: string;
}

async function newRestored(
  scope: Scope,
  kind: 'terminal' | 'pipes',
  script: string,
  cgroupsPath?: string,
): Promise<Restored> {
  const root = temporaryDirectory(scope);
  const images = temporaryDirectory(scope);
  const command = [join(packageRoot, 'test/fixtures/runtimes/runtime-that-restores'), ptyRuntimeProgram];
  const runtime = ociRuntime({ command, root, timeoutMs: 20_000 });
  const stdio = newStdio(scope, kind);
  const restore = { imagePath: images, workPath: images, cgroupsPath };
  return { ...(await newContainer(scope, script, stdio.stdio, { runtime, restore })), ...stdio, runtime, images };
}

for (const kind of ['terminal', 'pipes'] as const) {
  leakTest(`a container with ${kind} is restored by its start, with its output and its exit`, async (scope) => {
    const { container, story, output, images, events } = await newRestored(scope, kind, 'echo restored; exit 7');
    assert.deepEqual(events, [{ kind: 'create', pid: 0 }]);
    assert.equal(container.init.state, 'created');
    assert.ok((await container.start('')) > 0);
    assert.equal((await within(container.init.exited, 'the exit')).status, 7);
    await output.expect('restored');
    const told = readFileSync(join(images, 'arguments'), 'utf8').split('\n');
    assert.deepEqual(
      told.slice(told.indexOf('restore'), told.indexOf('--detach') + 1),
      `restore --image-path ${images} --work-path ${images} --detach`.split(' '),
    );
    assert.equal(told.includes('--console-socket'), kind === 'terminal');
    await container.delete('');
    assert.deepEqual(story(), ['create', 'start', 'exit', 'delete']);
  });
}

leakTest('a restored container has no process to kill before its start, and is deleted at once', async (scope) => {
  const { container, story, stdio } = await newRestored(scope, 'pipes', 'true');
  for (const all of [false, true])
    await assert.rejects(container.kill('', sigkill, all), { code: 'ERR_PROCESS_NOT_FOUND' });
  assert.throws(() => container.addExec('e', {}, stdio), { code: 'ERR_STATE_INVALID' });
  await assert.rejects(container.pause(), { code: 'ERR_STATE_INVALID' });
  await within(container.delete(''), 'the delete');
  assert.deepEqual(story(), ['create', 'delete']);
});

leakTest('a restore that the runtime refuses leaves nothing behind, and can be repeated', async (scope) => {
  const { container, story, runtime, images } = await newRestored(scope, 'terminal', 'exec sleep 100');
  writeFileSync(join(images, 'refuse'), '');
  await assert.rejects(container.start(''), { code: 'ERR_RUNTIME_FAILED', message: /criu failed/ });
  await assert.rejects(runtime.state(container.id));
  assert.equal(container.init.state, 'created');
  rmSync(join(images, 'refuse'));
  await container.start('');
  await container.kill('', sigkill, false);
  await within(container.init.exited, 'the exit');
  assert.deepEqual(story(), ['create', 'start', 'exit']);
});

leakTest(
  'a refused restore removes the control group with the process in it, unless the group existed before',
  async (scope) => {
    const name = `/termshim-test-restore-${process.pid}`;
    const hierarchies = directoriesOf('/').filter((it) => !it.includes('cpuset'));
    const [first = '', ...others] = hierarchies.map((it) => it + name);
    const { container, images } = await newRestored(scope, 'pipes', 'exec sleep 100', `/../${name}`);
    mkdirSync(first);
    scope.after(() => rmdirSync(first));
    writeFileSync(join(images, 'refuse'), '');
    writeFileSync(join(images, 'groups'), others.map((it) => `${it}/below\n`).join(''));
    await assert.rejects(container.start(''), { code: 'ERR_RUNTIME_FAILED' });
    assert.deepEqual(
      [first, ...others].filter((it) => existsSync(it)),
      [first],
    );
  },
  { skip: missing('root') },
);

leakTest('a cancelled restore has no effect', async (scope) => {
  const { container, story, runtime, images } = await newRestored(scope, 'pipes', 'exec sleep 100');
  writeFileSync(join(images, 'hang'), '');
  const caller = new AbortController();
  const starting = container.start('', caller.signal);
  starting.catch(() => {});
  await waitFor(() => existsSync(join(images, 'arguments')), 'the runtime to be at it', 10_000);
  caller.abort();
  await assert.rejects(within(starting, 'the start'));
  await assert.rejects(runtime.state(container.id));
  assert.equal(container.init.state, 'created');
  assert.deepEqual(story(), ['create']);
});

leakTest('a container is not restored over another with the same id', async (scope) => {
  const { container, runtime, images } = await newRestored(scope, 'pipes', 'exec sleep 100');
  await container.start('');
  const { stdio } = newStdio(scope, 'pipes');
  const another = newContainer(scope, 'true', stdio, {
    id: container.id,
    runtime,
    restore: { imagePath: images, cgroupsPath: undefined },
  });
  await assert.rejects(another, { code: 'ERR_ID_IN_USE' });
  assert.equal(container.init.state, 'running');
});
