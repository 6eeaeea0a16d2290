/**
 * The record of a container must exist in its bundle exactly as long as there is something to undo. If it is removed
 * too early, or never written, the launcher answers `delete` itself although a container is left; if it stays, each
 * `delete` starts Node for nothing. The hard case is a `delete` during a Create whose client has given up: here the
 * runtime waits for the test in the middle of `create`.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FifoReader } from '../../src/os/fifo.js';
import { Code, RpcError } from '../../src/ttrpc/status.js';
import { fakeRuntime, ptyRuntimeProgram } from '../helpers/runtime/fake-runtime.js';
import { makeLatch } from '../helpers/base/latch.js';
import { missing } from '../helpers/base/requirement.js';
import { type ShimDaemon, startShimDaemon } from '../helpers/shim/shim-daemon.js';
import { assertKilledNow, callDelete } from '../helpers/shim/shim-delete.js';
import { shimEnvironment } from '../helpers/shim/shim.js';
import { openTestbed, type Testbed } from '../helpers/e2e/testbed.js';
import { waitFor } from '../helpers/base/wait-for.js';

const skip = missing('root');

interface Bundle {
  id: string;
  path: string;
  hasRecord(): boolean;
  create(more?: object): ReturnType<ShimDaemon['task']['create']>;
  /** `delete` as containerd calls it. Without Node it fails unless the launcher answers. */
  delete(withNode: boolean): ReturnType<typeof callDelete>;
}

async function setUp(t: TestContext): Promise<{ testbed: Testbed; daemon: ShimDaemon }> {
  const testbed = openTestbed(t);
  return { testbed, daemon: await startShimDaemon(testbed) };
}

/** Of a container that was announced, and whose output is read. */
async function openBundle(testbed: Testbed, daemon: ShimDaemon, runtime = ptyRuntimeProgram): Promise<Bundle> {
  const id = testbed.newId();
  const path = await daemon.makeBundle(id, ['/bin/sh', '-c', 'exec sleep 1000']);
  const reader = FifoReader.open(join(path, 'out'));
  testbed.after(() => reader.close());
  await daemon.announce(id, path);
  const words = [
    '-namespace',
    'test',
    '-address',
    '/none',
    '-publish-binary',
    '/bin/false',
    '-id',
    id,
    '-bundle',
    path,
  ];
  return {
    id,
    path,
    hasRecord: () => existsSync(join(path, 'termshim.json')),
    create: (more = {}) => daemon.task.create({ ...daemon.request(id, path, runtime), ...more }),
    delete(withNode) {
      const env = { ...testbed.env, TERMSHIM_NODE: withNode ? shimEnvironment['TERMSHIM_NODE'] : '/nonexistent' };
      return callDelete([...words, 'delete'], env);
    },
  };
}

/** A script for `delete`: that of the daemon fails. */
/** Plainly and by force. */
function onlyTheFirstFails(testbed: Testbed): string {
  const mark = testbed.path('mark');
  return `[ -e ${mark} ] || { case " $* " in *" --force "*) touch ${mark};; esac; exit 1; }`;
}

const isCode = (code: Code) => (error: unknown) => error instanceof RpcError && error.code === code;

test('a record exists from Create to Delete, and `delete` needs no Node afterwards', { skip }, async (t) => {
  const { testbed, daemon } = await setUp(t);
  const bundle = await openBundle(testbed, daemon);
  assert.equal(bundle.hasRecord(), false);
  const { pid } = await bundle.create();
  assert.equal(bundle.hasRecord(), true);
  await daemon.task.start({ id: bundle.id });
  await daemon.task.kill({ id: bundle.id, signal: 9 });
  await daemon.task.wait({ id: bundle.id });
  assert.equal(bundle.hasRecord(), true);
  await daemon.task.delete({ id: bundle.id });
  assert.equal(bundle.hasRecord(), false);
  const answer = await bundle.delete(false);
  assertKilledNow(answer);
  assert.equal(answer.response.pid, pid);
});

test('a reservation without a container is given up without Node', { skip }, async (t) => {
  const { testbed, daemon } = await setUp(t);
  const bundle = await openBundle(testbed, daemon);
  const answer = await bundle.delete(false);
  assertKilledNow(answer);
  assert.equal(answer.response.pid, 0);
});

test('a failed Create that was undone leaves no record', { skip }, async (t) => {
  const { testbed, daemon } = await setUp(t);
  const refusing = fakeRuntime(testbed, { create: 'exit 1' });
  const bundle = await openBundle(testbed, daemon, refusing);
  await assert.rejects(bundle.create());
  assert.equal(bundle.hasRecord(), false);
  const rootfs = [{ type: 'nonesuch', source: 'none', target: '', options: [] }];
  await assert.rejects(bundle.create({ rootfs }));
  assert.equal(bundle.hasRecord(), false);
  await bundle.delete(false);
});

test('a failed Create that cannot be undone leaves a record', { skip }, async (t) => {
  const { testbed, daemon } = await setUp(t);
  const runtime = fakeRuntime(testbed, { create: 'kill -s SEGV $$', delete: onlyTheFirstFails(testbed) });
  const bundle = await openBundle(testbed, daemon, runtime);
  await assert.rejects(bundle.create());
  assert.equal(bundle.hasRecord(), true);
  assertKilledNow(await bundle.delete(true));
});

test('a `delete` during Create ends the Create, and leaves nothing behind', { skip }, async (t) => {
  const { testbed, daemon } = await setUp(t);
  const latch = makeLatch(t);
  const creating = testbed.path('creating');
  const runtime = fakeRuntime(testbed, { create: `touch ${creating}; ${latch.wait}` });
  const bundle = await openBundle(testbed, daemon, runtime);
  const refused = assert.rejects(bundle.create(), isCode(Code.Aborted));
  await waitFor(() => existsSync(creating), 'create to be under way');
  assert.equal(bundle.hasRecord(), true);
  assertKilledNow(await bundle.delete(true));
  await refused;
  assert.equal(bundle.hasRecord(), false);
  assertKilledNow(await bundle.delete(false));
});

test('a `delete` leaves what it cannot undo to the next `delete`', { skip }, async (t) => {
  const { testbed, daemon } = await setUp(t);
  const latch = makeLatch(t);
  const creating = testbed.path('creating');
  const scripts = { create: `touch ${creating}; ${latch.wait}`, delete: onlyTheFirstFails(testbed) };
  const bundle = await openBundle(testbed, daemon, fakeRuntime(testbed, scripts));
  const refused = assert.rejects(bundle.create(), isCode(Code.Aborted));
  await waitFor(() => existsSync(creating), 'create to be under way');
  await daemon.forget(bundle.id);
  await refused;
  assert.equal(bundle.hasRecord(), true);
  assertKilledNow(await bundle.delete(true));
});

test('Forget removes a container and its record, and does so once', { skip }, async (t) => {
  const { testbed, daemon } = await setUp(t);
  const [bundle, other] = [await openBundle(testbed, daemon), await openBundle(testbed, daemon)];
  const { pid } = await bundle.create();
  await other.create();
  const answers = await Promise.all([daemon.forget(bundle.id), daemon.forget(bundle.id)]);
  assert.deepEqual(
    answers.map((it) => ({ known: it.known, pid: it.pid })),
    [
      { known: true, pid },
      { known: true, pid },
    ],
  );
  assert.equal(bundle.hasRecord(), false);
  assert.equal(other.hasRecord(), true);
  assert.equal(readFileSync(join(other.path, 'termshim.json'), 'utf8').includes(ptyRuntimeProgram), true);
  assert.equal((await daemon.forget(other.id)).known, true);
});
