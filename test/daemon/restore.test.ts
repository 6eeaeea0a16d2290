/*
 * containerd asks for Create with a checkpoint, and for the Start that restores it. What could break: an option of criu
 * is lost, or stands where programs in front of runc do not look for it; the answers before Start are not those of a
 * created container; a cancelled Start leaves something behind; or the daemon trusts a checkpoint that others can write
 * to. A fake runtime records its arguments and restores by the pty runtime's create and start.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/package.js';
import { CreateOptions } from '../../src/ttrpc/gen/termshim/options.js';
import { Options } from '../../src/ttrpc/gen/containerd/runc-options.js';
import { Options as GenericOptions } from '../../src/ttrpc/gen/containerd/runtimeoptions.js';
import { Status } from '../../src/ttrpc/gen/containerd/task-status.js';
import type { CreateTaskRequest } from '../../src/ttrpc/gen/containerd/task.js';
import { message as messageOf, packAny } from '../../src/ttrpc/message.js';
import { Code } from '../../src/ttrpc/status.js';
import { ptyRuntimeProgram, writeProgram } from '../helpers/runtime/fake-runtime.js';
import { leakTest, type Scope } from '../helpers/base/leak-free.js';
import { serveTasks, type TaskServer } from '../helpers/shim/task-server.js';
import { newStdio } from '../helpers/runtime/task.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

const id = 'restored';

interface Server extends TaskServer {
  images: string;
  binaryName: string;
  root: string;
  /** What the runtime was called with, and in which directory. */
  told(): string[];
}

async function serve(scope: Scope): Promise<Server> {
  const directory = temporaryDirectory(scope);
  const images = join(directory, 'images');
  mkdirSync(images, { mode: 0o755 });
  const fixture = join(packageRoot, 'test/fixtures/runtimes/runtime-that-restores');
  const binaryName = writeProgram(
    { path: (name) => join(directory, name) },
    'runtime',
    `pwd >'${images}/directory'; exec '${fixture}' '${ptyRuntimeProgram}' "$@"`,
  );
  const lines = (name: string): string[] => readFileSync(join(images, name), 'utf8').trimEnd().split('\n');
  return {
    ...(await serveTasks(scope)),
    images,
    binaryName,
    root: join(directory, 'root'),
    told: () => [...lines('directory'), ...lines('arguments')],
  };
}

async function create(
  server: Server,
  script: string,
  more: Partial<Options>,
  request: Partial<CreateTaskRequest> = {},
) {
  const { task, binaryName, root } = server;
  const requested = { ...(await server.request(id, script)), ...request };
  if (requested.terminal === false) takeTerminal(join(requested.bundle ?? '', 'config.json'));
  const options = packAny(Options, { binaryName, root, ...more });
  return { requested, created: await task.create({ ...requested, options }) };
}

function takeTerminal(path: string): void {
  const spec = JSON.parse(readFileSync(path, 'utf8')) as { process: object };
  writeFileSync(path, JSON.stringify({ ...spec, process: { ...spec.process, terminal: false } }));
}

for (const terminal of [true, false]) {
  leakTest(
    `the arguments of a restore have the order of go-runc with ${terminal ? 'a terminal' : 'pipes'}`,
    async (scope) => {
      const server = await serve(scope);
      const { task, images, root, events, faults } = server;
      const stdio = newStdio(scope, terminal ? 'terminal' : 'pipes');
      const request = { checkpoint: images, parentCheckpoint: '/parent', ...stdio.request };
      mkdirSync(join(root, 'work'), { recursive: true, mode: 0o700 });
      const options = { criuWorkPath: join(root, 'work'), noPivotRoot: true, noNewKeyring: true };
      const { requested, created } = await create(server, 'echo in; exit 3', options, request);
      assert.equal(created.pid, 0);
      const state = await task.state({ id });
      assert.deepEqual([state.status, state.pid], [Status.CREATED, 0]);
      const { pid } = await task.start({ id });
      assert.ok(pid > 0);
      await stdio.output.expect('in');
      assert.equal((await within(task.wait({ id }), 'the exit')).exitStatus, 3);
      const bundle = realpathSync(requested.bundle ?? '');
      const words = server.told();
      const [log = '', socket = ''] = ['--log', '--console-socket'].map((name) => words[words.indexOf(name) + 1]);
      const command =
        `--root ${root}/test --log ${log} --log-format json restore --image-path ${images} --work-path ${root}/work --detach ` +
        `--pid-file ${bundle}/init.pid ${terminal ? `--console-socket ${socket} ` : ''}--no-pivot --bundle ${bundle} ${id}`;
      assert.deepEqual(words, [bundle, ...command.split(' ')]);
      assert.equal((await task.delete({ id })).pid, pid);
      assert.deepEqual(
        events.map(({ kind }) => kind),
        ['create', 'start', 'exit', 'delete'],
      );
      assert.deepEqual(faults, []);
      assert.equal(existsSync(join(bundle, 'termshim.json')), false);
    },
  );
}

leakTest('criu works in the bundle by default, and one link is followed', async (scope) => {
  const server = await serve(scope);
  const link = join(temporaryDirectory(scope), 'link');
  symlinkSync(server.images, link);
  const { requested } = await create(server, 'exit 0', {}, { checkpoint: link });
  await server.task.start({ id });
  await within(server.task.wait({ id }), 'the exit');
  const words = server.told();
  const of = (name: string): string | undefined => words[words.indexOf(name) + 1];
  assert.deepEqual([of('--image-path'), of('--work-path')], [server.images, join(requested.bundle ?? '', 'work')]);
  await server.task.delete({ id });
});

leakTest('the checkpoint of a runtime of our name is read from its options, as a message or as TOML', async (scope) => {
  const server = await serve(scope);
  const { task, images, binaryName, root } = server;
  const requested = await server.request(id, 'exit 4');
  const toml = `BinaryName = "${binaryName}"\nRoot = "${root}"\nCriuImagePath = "${images}"\n`;
  const all = [
    packAny(Options, { binaryName, root, criuImagePath: images }),
    packAny(GenericOptions, messageOf(GenericOptions, { configBody: Buffer.from(toml) })),
  ];
  for (const options of all) {
    await task.create({ ...requested, options });
    assert.ok(server.events.some((event) => event.kind === 'create' && event.pid === 0));
    await task.start({ id });
    assert.equal((await within(task.wait({ id }), 'the exit')).exitStatus, 4);
    await task.delete({ id });
  }
});

leakTest('a container that waits for its restore can be deleted, and refuses kill, pids and exec', async (scope) => {
  const server = await serve(scope);
  const { task, images, events } = server;
  await create(server, 'exit 0', {}, { checkpoint: images });
  await assert.rejects(task.kill({ id, signal: 9, all: true }), { code: Code.NotFound });
  await assert.rejects(task.stats({ id }), { code: Code.NotFound });
  await assert.rejects(task.pause({ id }), { code: Code.FailedPrecondition });
  const spec = { typeUrl: '', value: Buffer.from('{}') };
  await assert.rejects(task.exec({ id, execId: 'e', spec }), { code: Code.FailedPrecondition });
  await task.resizePty({ id, width: 100, height: 40 });
  const waiting = assert.rejects(task.wait({ id }), { code: Code.NotFound });
  const { pid, exitStatus } = await task.delete({ id });
  assert.deepEqual([pid, exitStatus], [0, 0]);
  await waiting;
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['create', 'delete'],
  );
});

leakTest('a restore that fails reports its reason each time, and can be repeated', async (scope) => {
  const server = await serve(scope);
  const { task, images, root } = server;
  await create(server, 'exit 5', {}, { checkpoint: images });
  writeFileSync(join(images, 'refuse'), '');
  const words = /^OCI runtime restore failed: \S+runtime restore failed: criu failed: type NOTIFY errno 0$/;
  for (let count = 0; count < 3; count++) {
    await assert.rejects(task.start({ id }), { code: Code.Unknown, message: words });
    assert.equal((await task.state({ id })).status, Status.CREATED);
    assert.deepEqual(readdirSync(join(root, 'test')), []);
  }
  await server.task.delete({ id });
});

for (const how of ['the deadline passes', 'the connection is closed']) {
  leakTest(`a Start that is cancelled during a restore because ${how} leaves nothing behind`, async (scope) => {
    const server = await serve(scope);
    const { task, images, root, events } = server;
    await create(server, 'exec sleep 100', {}, { checkpoint: images });
    writeFileSync(join(images, 'hang'), '');
    const other = await server.connect();
    const starting = other.task.start({ id }, how === 'the deadline passes' ? { timeoutMs: 4000 } : {});
    const refused = starting.catch(() => {});
    await waitFor(() => existsSync(join(images, 'arguments')), 'the runtime to be at it');
    if (how === 'the connection is closed') other.leave();
    await refused;
    await waitFor(() => readdirSync(join(root, 'test')).length === 0, 'it to be undone');
    assert.equal((await task.state({ id })).status, Status.CREATED);
    // It waits for its turn behind the undoing.
    await within(task.delete({ id }), 'the deletion');
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['create', 'delete'],
    );
    other.leave();
  });
}

leakTest('a kill during a restore reaches the restored process', async (scope) => {
  const server = await serve(scope);
  const { task, images } = server;
  await create(server, 'exec sleep 100', {}, { checkpoint: images });
  writeFileSync(join(images, 'wait'), '');
  const starting = task.start({ id });
  await waitFor(() => existsSync(join(images, 'arguments')), 'the runtime to be at it');
  const killing = task.kill({ id, signal: 9 });
  writeFileSync(join(images, 'go'), '');
  await within(starting, 'the start');
  await within(killing, 'the kill');
  assert.equal((await within(task.wait({ id }), 'the exit')).exitStatus, 137);
  await task.delete({ id });
});

leakTest('Create fails for an invalid checkpoint and for one that others can write', async (scope) => {
  const server = await serve(scope);
  const { tasks, images, events } = server;
  const directory = temporaryDirectory(scope);
  const open = join(directory, 'open');
  mkdirSync(open);
  const file = join(directory, 'file');
  writeFileSync(file, '');
  chmodSync(open, 0o777);
  const refused: [request: Partial<CreateTaskRequest>, options: Partial<Options>, code: Code, words: RegExp][] = [
    [{ checkpoint: join(directory, 'none') }, {}, Code.InvalidArgument, /none: ENOENT: no such file or directory$/],
    [{ checkpoint: file }, {}, Code.InvalidArgument, /file: it is not a directory$/],
    [{ checkpoint: 'images' }, {}, Code.InvalidArgument, /images is not an absolute path$/],
    [{ checkpoint: images }, { criuWorkPath: 'work' }, Code.InvalidArgument, /work is not an absolute path$/],
    [{ checkpoint: images }, { criuWorkPath: join(directory, 'none') }, Code.InvalidArgument, /none: ENOENT: /],
    [{ checkpoint: images }, { criuWorkPath: open }, Code.FailedPrecondition, /other users may write to \S+open /],
    [{ checkpoint: open }, {}, Code.FailedPrecondition, /other users may write to \S+open \(mode 0777\)$/],
  ];
  for (const [request, options, code, message] of refused) {
    await assert.rejects(create(server, 'exit 0', options, request), { code, message });
    assert.equal(tasks.count, 0);
  }
  assert.deepEqual(events, []);
  assert.equal(existsSync(join(directory, 'none')), false);
});

leakTest("a restore by termshim's own client makes the bundle", async (scope) => {
  const server = await serve(scope);
  const { task, images, binaryName } = server;
  const requested = await server.request(id, 'exit 6');
  const options = packAny(CreateOptions, { runtimeName: 'runtime', runtimeCommand: [binaryName] });
  await task.create({ ...requested, checkpoint: images, options });
  await task.start({ id });
  assert.equal((await within(task.wait({ id }), 'the exit')).exitStatus, 6);
  await task.delete({ id });
});
