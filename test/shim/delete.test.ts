/**
 * containerd calls `delete` once, when no other process knows the container. In whatever state a daemon died, the
 * container must be gone afterwards, with its processes, its mounts and its socket, and containerd must be able to read
 * the answer. What belongs to others must stay: another process that got the pid, and the socket of a daemon that
 * lives. The tests create each state by hand.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { socketDirectory, toAddress } from '../../src/shim/address.js';
import { type ContainerRecord, writeContainerRecord } from '../../src/daemon/container-record.js';
import { timestampOf } from '../../src/ttrpc/message.js';
import { makeBundle } from '../helpers/runtime/bundle.js';
import { runToEnd } from '../helpers/base/command.js';
import { prepareContainer } from '../helpers/runtime/container.js';
import { missing } from '../helpers/base/requirement.js';
import { type ShimCaller, shimCaller } from '../helpers/shim/shim.js';
import { type DeleteAnswer, assertKilledNow, callDelete as callDeleteWith } from '../helpers/shim/shim-delete.js';
import { serveRaw, serveShim } from '../helpers/shim/shim-server.js';
import { type Testbed, openTestbed } from '../helpers/e2e/testbed.js';
import { waitFor } from '../helpers/base/wait-for.js';

const skip = missing('root', 'runc', 'busybox');
const fixture = (name: string): string => fileURLToPath(new URL(`../../../test/fixtures/${name}`, import.meta.url));
const runc = ['runc'];

const callDelete = (shim: ShimCaller, id: string, bundle: string): Promise<DeleteAnswer> =>
  callDeleteWith([...shim.argumentsFor(id), '-bundle', bundle, 'delete']);

interface LostContainer {
  id: string;
  bundle: string;
  pid: number;
  record: ContainerRecord;
}

/** A container that runs in `root`, as a daemon that was killed leaves it. */
async function loseContainer(testbed: Testbed, root = testbed.path('runc')): Promise<LostContainer> {
  const { id, bundle } = prepareContainer('runc', testbed, { args: ['sleep', '1000'], terminal: false });
  const globals = [...runc, '--root', root];
  testbed.after(() => runToEnd([...globals, 'delete', '--force', id]));
  const pidFile = join(bundle, 'init.pid');
  const stdio = ['ignore', 'inherit', 'inherit'] as const;
  const create = [...globals, 'create', '--bundle', bundle, '--pid-file', pidFile, id];
  assert.equal((await runToEnd(create, { stdio: [...stdio] })).status, 0);
  assert.equal((await runToEnd([...globals, 'start', id])).status, 0);
  const pid = Number(readFileSync(pidFile, 'utf8'));
  const record = { runtime: runc, root, systemdCgroup: false, mounted: true };
  return { id, bundle, pid, record };
}

function mountRootfs(testbed: Testbed, bundle: string): string {
  const rootfs = join(bundle, 'rootfs');
  mkdirSync(rootfs);
  for (let i = 0; i < 2; i++) spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', rootfs]);
  assert.ok(isMounted(rootfs));
  testbed.after(() => spawnSync('umount', ['-l', rootfs]));
  return rootfs;
}

function isMounted(path: string): boolean {
  return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${path} `);
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

async function assertGone(root: string, { id, pid }: LostContainer): Promise<void> {
  await waitFor(() => !isRunning(pid), 'the process to be gone');
  assert.equal(existsSync(join(root, id)), false, 'the runtime still knows the container');
}

/** The bundle's `address` names it, and nobody listens. */
function leaveAddress(t: TestContext, shim: ShimCaller, bundle: string): string {
  serveShim(t, shim.socketOf()).close();
  writeFileSync(join(bundle, 'address'), toAddress(shim.socketOf()));
  return shim.socketOf();
}

test('delete without a daemon removes container, processes, mounts and socket', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const shim = shimCaller(t);
  const container = await loseContainer(testbed);
  const { id, bundle, pid, record } = container;
  writeContainerRecord(bundle, record);
  const rootfs = mountRootfs(testbed, bundle);
  const socket = leaveAddress(t, shim, bundle);
  const answer = await callDelete(shim, id, bundle);
  assertKilledNow(answer);
  assert.deepEqual({ pid: answer.response.pid, warnings: answer.warnings }, { pid, warnings: [] });
  await assertGone(record.root, container);
  assert.equal(isMounted(rootfs), false);
  assert.equal(existsSync(socket), false);
});

test('delete leaves mounts that the daemon did not make', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const bundle = makeBundle(testbed, { args: ['true'], terminal: false });
  const record = { runtime: runc, root: testbed.path('runc'), systemdCgroup: false, mounted: false };
  writeContainerRecord(bundle, record);
  const rootfs = mountRootfs(testbed, bundle);
  await callDelete(shimCaller(t), testbed.newId(), bundle);
  assert.ok(isMounted(rootfs));
  spawnSync('umount', ['-l', rootfs]);
  spawnSync('umount', ['-l', rootfs]);
});

test('delete uses runc for a container of another shim, with the root of containerd-shim-runc-v2', {
  skip,
}, async (t) => {
  const testbed = openTestbed(t);
  const shim = shimCaller(t);
  const root = `/run/containerd/runc/${shim.namespace}`;
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const container = await loseContainer(testbed, root);
  writeFileSync(join(container.bundle, 'address'), toAddress(`${socketDirectory}/${'0'.repeat(64)}`));
  const answer = await callDelete(shim, container.id, container.bundle);
  assertKilledNow(answer);
  assert.deepEqual(answer.warnings, []);
  await assertGone(root, container);
});

test('delete of a container that never existed is no error', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const shim = shimCaller(t);
  t.after(() => rmSync(`/run/containerd/runc/${shim.namespace}`, { recursive: true, force: true }));
  for (const bundle of [makeBundle(testbed, { args: ['true'], terminal: false }), testbed.path('none')]) {
    const answer = await callDelete(shim, testbed.newId(), bundle);
    assertKilledNow(answer);
    assert.deepEqual({ pid: answer.response.pid, warnings: answer.warnings }, { pid: 0, warnings: [] });
  }
});

test('delete asks a living daemon first', { skip }, async (t) => {
  const shim = shimCaller(t);
  const bundle = shim.makeBundle('c1');
  const record = {
    runtime: [fixture('runtimes/runtime-that-records-its-arguments'), bundle],
    root: '/x',
    systemdCgroup: false,
  };
  writeContainerRecord(bundle, { ...record, mounted: true });
  writeFileSync(join(bundle, 'init.pid'), '1');
  const exitedAt = timestampOf(1_700_000_000_500);
  const onForget = () => ({ known: true, pid: 77, exitStatus: 3, exitedAt });
  const server = serveShim(t, shim.socketOf(), { onForget });
  writeFileSync(join(bundle, 'address'), toAddress(shim.socketOf()));
  const { response, warnings } = await callDelete(shim, 'c1', bundle);
  assert.deepEqual({ response, warnings }, { response: { pid: 77, exitStatus: 3, exitedAt }, warnings: [] });
  assert.deepEqual(server.forgotten, ['c1']);
  assert.equal(existsSync(join(bundle, 'arguments')), false, 'the runtime was called all the same');
});

test('delete leaves the socket of a daemon that does not know the container', { skip }, async (t) => {
  const shim = shimCaller(t);
  const bundle = shim.makeBundle('c1');
  const runtime = [fixture('runtimes/runtime-that-records-its-arguments'), bundle];
  writeContainerRecord(bundle, { runtime, root: '/x', systemdCgroup: true, mounted: true });
  const server = serveShim(t, shim.socketOf());
  writeFileSync(join(bundle, 'address'), toAddress(shim.socketOf()));
  assertKilledNow(await callDelete(shim, 'c1', bundle));
  assert.deepEqual(server.forgotten, ['c1']);
  const words = readFileSync(join(bundle, 'arguments'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(words.toSpliced(3, 1).join(' '), '--root /x --log --log-format json --systemd-cgroup delete c1');
  assert.ok(existsSync(shim.socketOf()));
});

test('delete waits two seconds for a daemon that hangs, and leaves its socket', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const shim = shimCaller(t);
  const container = await loseContainer(testbed);
  writeContainerRecord(container.bundle, container.record);
  await serveRaw(t, shim.socketOf(), () => {});
  writeFileSync(join(container.bundle, 'address'), toAddress(shim.socketOf()));
  const answer = await callDelete(shim, container.id, container.bundle);
  assertKilledNow(answer);
  assert.equal(answer.warnings.length, 1);
  assert.match(
    answer.warnings[0] ?? '',
    /^termshim: the daemon at .* did not answer within 2 s \[ERR_DAEMON_FAILED\]$/,
  );
  await assertGone(container.record.root, container);
  assert.ok(existsSync(shim.socketOf()));
});

test('delete warns if the runtime fails, and does the rest', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const shim = shimCaller(t);
  const container = await loseContainer(testbed);
  const { id, bundle, pid } = container;
  writeContainerRecord(bundle, {
    ...container.record,
    runtime: [fixture('runtimes/runtime-that-fails-with-json-log')],
  });
  const rootfs = mountRootfs(testbed, bundle);
  const answer = await callDelete(shim, id, bundle);
  assertKilledNow(answer);
  const reason = 'runtime-that-fails-with-json-log delete failed: no such kernel';
  assert.deepEqual(answer.warnings, [`termshim: ${reason} [ERR_RUNTIME_FAILED]`]);
  await waitFor(() => !isRunning(pid), 'the process to be killed');
  assert.equal(isMounted(rootfs), false);
});

test('delete does not kill another process that has the pid by now', { skip }, async (t) => {
  const shim = shimCaller(t);
  const bundle = shim.makeBundle('c1');
  const other = spawn('sleep', ['1000'], { stdio: 'ignore' });
  t.after(() => other.kill());
  writeFileSync(join(bundle, 'init.pid'), String(other.pid));
  writeContainerRecord(bundle, {
    runtime: [fixture('runtimes/runtime-that-records-its-arguments'), bundle],
    root: dirname(bundle),
    systemdCgroup: false,
    mounted: false,
  });
  const { response } = await callDelete(shim, 'c1', bundle);
  assert.equal(response.pid, other.pid);
  assert.ok(isRunning(other.pid ?? 0));
});

for (const words of ['4.8224638957192e+235', '2147483648', '4294967296', '-1', '1.5', 'Infinity']) {
  test(`delete kills nothing for a pid file that says ${words}`, { skip }, async (t) => {
    const shim = shimCaller(t);
    t.after(() => rmSync(`/run/containerd/runc/${shim.namespace}`, { recursive: true, force: true }));
    const bundle = shim.makeBundle('c1');
    writeFileSync(join(bundle, 'termshim.json'), '{');
    writeFileSync(join(bundle, 'init.pid'), words);
    const answer = await callDelete(shim, 'c1', bundle);
    assertKilledNow(answer);
    assert.equal(answer.response.pid, 0);
  });
}

test('delete warns of files that cannot be understood', { skip }, async (t) => {
  const shim = shimCaller(t);
  t.after(() => rmSync(`/run/containerd/runc/${shim.namespace}`, { recursive: true, force: true }));
  const bundle = shim.makeBundle('c1');
  for (const words of ['{', '{}', '{"runtime":[],"root":"","systemdCgroup":false,"mounted":false}']) {
    writeFileSync(join(bundle, 'termshim.json'), words);
    writeFileSync(join(bundle, 'address'), words);
    writeFileSync(join(bundle, 'init.pid'), words);
    const answer = await callDelete(shim, 'c1', bundle);
    assertKilledNow(answer);
    assert.equal(answer.warnings.length, 1);
    assert.match(answer.warnings[0] ?? '', /^termshim: cannot read [^\n]*termshim\.json/);
  }
});
