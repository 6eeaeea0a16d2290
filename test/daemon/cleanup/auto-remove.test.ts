/*
 * A command creates a container, or a process in one, that must exist only as long as somebody needs it. The command
 * may be killed at any moment: a container that was not started must be removed at once, and one that runs must be
 * removed with all its files when it has ended. A client of the daemon stands in for the command, and closes its
 * connection.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe } from 'node:test';
import { hostSpec } from '../../../src/runtime/spec/host-spec.js';
import { CreateOptions, ExecOptions } from '../../../src/ttrpc/gen/termshim/options.js';
import { packAny } from '../../../src/ttrpc/message.js';
import { Code } from '../../../src/ttrpc/status.js';
import { ptyRuntimeProgram } from '../../helpers/runtime/fake-runtime.js';
import { type Scope, leakTest } from '../../helpers/base/leak-free.js';
import { type TaskServer, serveTasks } from '../../helpers/shim/task-server.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor } from '../../helpers/base/wait-for.js';

/** The daemon in this process, whose runtime directory is another for the test. */
async function serve(scope: Scope): Promise<TaskServer & { directory: string }> {
  const { XDG_RUNTIME_DIR: before } = process.env;
  const directory = temporaryDirectory(scope);
  process.env['XDG_RUNTIME_DIR'] = directory;
  scope.after(() => {
    if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
    else process.env['XDG_RUNTIME_DIR'] = before;
  });
  return { ...(await serveTasks(scope)), directory };
}

const runtime = { runtimeName: 'pty', runtimeCommand: [ptyRuntimeProgram] };

function configOf(script: string): Uint8Array {
  const size = { columns: 80, rows: 24 };
  return Buffer.from(JSON.stringify(hostSpec({ args: ['/bin/sh', '-c', script], size })));
}

/** For Create. */
function ownRequest(id: string, script: string, remove = true) {
  return { id, terminal: true, options: packAny(CreateOptions, { ...runtime, config: configOf(script), remove }) };
}

/** What the daemon keeps in its runtime directory. */
function filesIn(directory: string): string[] {
  return readdirSync(`${directory}/termshim`);
}

describe('a container', () => {
  leakTest('is gone when the server of its test has closed', async () => {
    let pid = 0;
    const undos: (() => unknown)[] = [];
    const scope: Scope = { after: (undo) => void undos.push(undo) };
    const { connect } = await serve(scope);
    const { task } = await connect();
    ({ pid } = await task.create(ownRequest('c', 'exec sleep 100')));
    await task.start({ id: 'c' });
    while (undos.length > 0) await undos.pop()?.();
    assert.equal(existsSync(`/proc/${pid}`), false);
  });

  leakTest('is removed with its client if it was not started', async (scope) => {
    const { connect, tasks, directory } = await serve(scope);
    const { task, leave } = await connect();
    const { pid } = await task.create(ownRequest('c', 'exec sleep 100'));
    assert.equal(filesIn(directory).length, 1);
    leave();
    await waitFor(() => tasks.count === 0, 'the container to be gone');
    await waitFor(() => !existsSync(`/proc/${pid}`), 'its process to be gone');
    assert.deepEqual(filesIn(directory), []);
  });

  leakTest('goes on without its client if it runs, and is removed when it has ended', async (scope) => {
    const { connect, tasks, task, directory } = await serve(scope);
    const client = await connect();
    await client.task.create(ownRequest('c', 'exec sleep 100'));
    await client.task.start({ id: 'c' });
    client.leave();
    const exit = task.wait({ id: 'c' });
    assert.equal((await task.state({ id: 'c' })).status, 2);
    await task.kill({ id: 'c', signal: 15 });
    assert.equal((await exit).exitStatus, 143);
    await waitFor(() => tasks.count === 0, 'the container to be gone');
    assert.deepEqual(filesIn(directory), []);
  });

  leakTest('is removed with its client if its start is under way', async (scope) => {
    const { connect, tasks, task } = await serve(scope);
    const client = await connect();
    await client.task.create(ownRequest('c', 'sleep 1000'));
    const exit = task.wait({ id: 'c' });
    const starting = client.task.start({ id: 'c' });
    client.leave();
    await assert.rejects(starting, { code: Code.Unavailable });
    assert.equal((await exit).exitStatus, 137);
    await waitFor(() => tasks.count === 0, 'the container to be gone');
  });

  leakTest('is left for its client to delete if it ended before the client left', async (scope) => {
    const { connect, directory } = await serve(scope);
    const { task } = await connect();
    await task.create(ownRequest('c', 'exit 3'));
    await task.start({ id: 'c' });
    assert.equal((await task.wait({ id: 'c' })).exitStatus, 3);
    assert.equal((await task.state({ id: 'c' })).exitStatus, 3);
    assert.equal((await task.delete({ id: 'c' })).exitStatus, 3);
    assert.deepEqual(filesIn(directory), []);
  });

  leakTest('stays after its client has left if it was created to stay', async (scope) => {
    const { connect, task } = await serve(scope);
    const client = await connect();
    await client.task.create(ownRequest('c', 'exit 3', false));
    await client.task.start({ id: 'c' });
    client.leave();
    assert.equal((await task.wait({ id: 'c' })).exitStatus, 3);
    assert.equal((await task.delete({ id: 'c' })).exitStatus, 3);
  });

  leakTest('is removed with its client if its creation is under way', async (scope) => {
    const { connect, tasks, directory } = await serve(scope);
    const { task, leave } = await connect();
    const hanging = { ...runtime, runtimeCommand: ['/bin/sh', '-c', 'exec sleep 100', 'sh'] };
    const options = packAny(CreateOptions, { ...hanging, config: configOf('exit 0'), remove: false });
    const creating = task.create({ id: 'c', terminal: true, options });
    const refused = assert.rejects(creating, { code: Code.Unavailable });
    await waitFor(() => tasks.count === 1 && filesIn(directory).length > 0, 'the creation to begin');
    leave();
    await refused;
    await waitFor(() => tasks.count === 0, 'the creation to be given up');
    assert.deepEqual(filesIn(directory), []);
  });

  leakTest('leaves the bundle of its user as it was', async (scope) => {
    const { connect, request, directory } = await serve(scope);
    const { bundle = '' } = await request('c', 'exit 0');
    const before = [readdirSync(bundle), readFileSync(`${bundle}/config.json`, 'utf8')];
    const { task } = await connect();
    await task.create({
      ...ownRequest('c', ''),
      bundle,
      options: packAny(CreateOptions, { ...runtime, remove: true }),
    });
    await task.start({ id: 'c' });
    await task.wait({ id: 'c' });
    assert.deepEqual([readdirSync(bundle), readFileSync(`${bundle}/config.json`, 'utf8')], before);
    assert.equal((await task.state({ id: 'c' })).bundle, bundle);
    await task.delete({ id: 'c' });
    assert.deepEqual(filesIn(directory), []);
  });

  leakTest('leaves nothing behind if its config.json is invalid', async (scope) => {
    const { connect, tasks, directory } = await serve(scope);
    const { task } = await connect();
    const options = packAny(CreateOptions, { ...runtime, config: Buffer.from('{"ociVersion": "1.0.2"}') });
    const refused = { errorCode: 'ERR_BUNDLE_INVALID', message: /config\.json: process is missing/ };
    await assert.rejects(task.create({ id: 'c', terminal: true, options }), refused);
    assert.equal(tasks.count, 0);
    assert.deepEqual(filesIn(directory), []);
  });
});

describe('an exec process', () => {
  const added = (script: string, remove = true) => {
    const { process: init } = hostSpec({ args: ['/bin/sh', '-c', script], size: undefined });
    const spec = packAny(ExecOptions, { process: Buffer.from(JSON.stringify(init)), remove });
    return { id: 'c', execId: 'e', spec };
  };

  async function serveContainer(scope: Scope): Promise<TaskServer> {
    const server = await serve(scope);
    await server.task.create(ownRequest('c', 'exec sleep 100'));
    await server.task.start({ id: 'c' });
    scope.after(() => server.shim.forget({ id: 'c' }));
    return server;
  }

  const isGone = async ({ task }: TaskServer): Promise<boolean> =>
    task.state({ id: 'c', execId: 'e' }).then(
      () => false,
      () => true,
    );

  leakTest('is removed with its client if it was not started', async (scope) => {
    const server = await serveContainer(scope);
    const { task, leave } = await server.connect();
    await task.exec(added('exit 0'));
    leave();
    await waitFor(() => isGone(server), 'the process to be gone');
  });

  leakTest('goes on without its client if it runs, and is removed when it has ended', async (scope) => {
    const server = await serveContainer(scope);
    const { task, leave } = await server.connect();
    await task.exec(added('exec sleep 100'));
    await task.start({ id: 'c', execId: 'e' });
    leave();
    const exit = server.task.wait({ id: 'c', execId: 'e' });
    assert.equal(await isGone(server), false);
    await server.task.kill({ id: 'c', execId: 'e', signal: 15 });
    assert.equal((await exit).exitStatus, 143);
    await waitFor(() => isGone(server), 'the process to be gone');
  });

  leakTest('is removed when it has ended if its start was under way', async (scope) => {
    const server = await serveContainer(scope);
    const { task, leave } = await server.connect();
    await task.exec(added('exit 0'));
    const starting = task.start({ id: 'c', execId: 'e' });
    leave();
    await assert.rejects(starting, { code: Code.Unavailable });
    await waitFor(() => isGone(server), 'the process to be gone');
  });

  leakTest('stays after its client has left if it was created to stay', async (scope) => {
    const server = await serveContainer(scope);
    const { task, leave } = await server.connect();
    await task.exec(added('exit 3', false));
    await task.start({ id: 'c', execId: 'e' });
    leave();
    assert.equal((await server.task.wait({ id: 'c', execId: 'e' })).exitStatus, 3);
    assert.equal((await server.task.delete({ id: 'c', execId: 'e' })).exitStatus, 3);
  });
});

leakTest(
  'a reservation that is bound to a client ends with the client, unless another client has made it too',
  async (scope) => {
    const { connect, tasks } = await serve(scope);
    const [first, second] = [await connect(), await connect()];
    await first.shim.reserve({ id: 'a', whileConnected: true });
    await first.shim.reserve({ id: 'b', whileConnected: true });
    await second.shim.reserve({ id: 'b', whileConnected: true });
    first.leave();
    await waitFor(() => tasks.count === 1, 'the first to be gone');
    second.leave();
    await waitFor(() => tasks.count === 0, 'the second to be gone');
  },
);
