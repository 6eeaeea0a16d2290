/*
 * A daemon without containerd ends if it has been idle for long enough, or if Stop is called and no container runs. A
 * daemon that ends too early takes containers and clients with it; one that never ends, or leaves its socket behind, is
 * hard to find. The tests force each reason to stay: a container, a client, a reservation, a waiting caller.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { daemonScript } from '../../src/package.js';
import { addon } from '../../src/native/addon.js';
import { check } from '../../src/errors/errors.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { writeBundle } from '../../src/runtime/spec/default-spec.js';
import { hostSpec } from '../../src/runtime/spec/host-spec.js';
import { clientOf, connectTtrpc } from '../../src/ttrpc/client.js';
import { Options } from '../../src/ttrpc/gen/containerd/runc-options.js';
import { TaskDefinition } from '../../src/ttrpc/gen/containerd/task.js';
import { SessionsDefinition } from '../../src/ttrpc/gen/termshim/sessions.js';
import { ShimDefinition } from '../../src/ttrpc/gen/termshim/shim.js';
import { packAny } from '../../src/ttrpc/message.js';
import { Code } from '../../src/ttrpc/status.js';
import { ptyRuntimeProgram } from '../helpers/runtime/fake-runtime.js';
import { openTestbed, type Testbed } from '../helpers/e2e/testbed.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

const idleMs = 400;

interface Daemon {
  testbed: Testbed;
  socket: string;
  ended: Promise<unknown>;
  hasEnded(): boolean;
}

function startDaemon(t: TestContext, args: readonly string[]): Daemon {
  const testbed = openTestbed(t);
  const socket = testbed.path('daemon.sock');
  const listener = new OwnedFd(check(addon.socket_listen(socket, 0o600), 'bind', 'listen'), socket);
  const child = spawn(process.execPath, [daemonScript, '--namespace', 'test', '--socket', socket, ...args], {
    env: testbed.env,
    stdio: ['ignore', 'ignore', 'inherit', listener.fd],
  });
  listener.close();
  testbed.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  return { testbed, socket, ended, hasEnded: () => child.exitCode !== null };
}

async function connect({ socket, testbed }: Daemon) {
  const connection = await connectTtrpc(socket);
  testbed.after(() => connection.close());
  const [task, sessions, shim] = [
    clientOf(TaskDefinition, connection),
    clientOf(SessionsDefinition, connection),
    clientOf(ShimDefinition, connection),
  ];
  return { task, sessions, shim, connection, close: () => connection.close() };
}

/** A container that waits for a signal. */
async function createContainer({ testbed }: Daemon, { task }: Awaited<ReturnType<typeof connect>>): Promise<string> {
  const id = testbed.newId();
  const bundle = testbed.path(id);
  await writeBundle(bundle, hostSpec({ args: ['sleep', '100'], size: { columns: 80, rows: 24 } }));
  const options = packAny(Options, { binaryName: ptyRuntimeProgram, root: testbed.path('root') });
  await task.create({ id, bundle, terminal: true, options });
  return id;
}

async function assertEnds(daemon: Daemon): Promise<void> {
  await within(daemon.ended, 'the end of the daemon', 5000);
  assert.equal(existsSync(daemon.socket), false, 'its socket is left');
}

async function assertStays(daemon: Daemon, why: string): Promise<void> {
  await delay(3 * idleMs);
  assert.equal(daemon.hasEnded(), false, why);
}

const idleExit = ['--idle-exit', String(idleMs / 1000)];

test('a daemon that gets no call ends', async (t) => {
  await assertEnds(startDaemon(t, idleExit));
});

test('a daemon without --idle-exit does not end', async (t) => {
  const daemon = startDaemon(t, []);
  (await connect(daemon)).close();
  await assertStays(daemon, 'nobody asked it to end');
});

test('a client, a container and a reservation each keep the daemon alive', async (t) => {
  const daemon = startDaemon(t, idleExit);
  const first = await connect(daemon);
  await first.sessions.list({});
  await assertStays(daemon, 'a client was there');
  const id = await createContainer(daemon, first);
  first.close();
  await assertStays(daemon, 'a container was there');
  const second = await connect(daemon);
  await second.shim.reserve({ id: 'next' });
  await second.task.kill({ id, signal: 9 });
  await second.task.wait({ id });
  await second.task.delete({ id });
  second.close();
  await assertStays(daemon, 'a container was to come');
  const third = await connect(daemon);
  await third.shim.forget({ id: 'next' });
  third.close();
  await assertEnds(daemon);
});

test('Stop ends a daemon without a container, and otherwise names the containers', async (t) => {
  const daemon = startDaemon(t, []);
  const client = await connect(daemon);
  const id = await createContainer(daemon, client);
  assert.deepEqual(await client.sessions.stop({}), { stopped: false, running: 1, ids: [id] });
  await client.task.kill({ id, signal: 9 });
  await client.task.wait({ id });
  assert.deepEqual(await client.sessions.stop({}), { stopped: false, running: 1, ids: [id] });
  await client.task.delete({ id });
  const { events } = await client.sessions.events({});
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['create', 'exit', 'delete'],
  );
  const waiter = await connect(daemon);
  const waiting = waiter.sessions.events({ after: events.at(-1)?.number ?? 0n, waitMs: 60_000 });
  await waiter.sessions.list({});
  assert.deepEqual(await client.sessions.stop({}), { stopped: true, running: 0, ids: [] });
  assert.deepEqual(await within(waiting, 'the answer to who waits'), { events: [] });
  await within(client.connection.closed, 'the end of the connection');
  await assertEnds(daemon);
});

test('Stop does not end a daemon of containerd', async (t) => {
  const daemon = startDaemon(t, ['--address', '/nonexistent']);
  const { sessions, task } = await connect(daemon);
  await assert.rejects(sessions.stop({}), { code: Code.Unimplemented, message: /^containerd started this daemon; / });
  await waitFor(async () => (await sessions.list({})).sessions.length === 0, 'an answer');
  await task.shutdown({ id: 'any' });
  await assertEnds(daemon);
});
