/**
 * containerd calls `delete` after every end of a container, and waits. If the bundle has no record the launcher answers
 * alone. What could break: it answers although something must still be undone, which then stays for ever, or containerd
 * cannot read its answer. In every doubtful case the launcher must execute Node, here a program that prints how it was
 * executed.
 */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { socketDirectory, toAddress } from '../../../src/shim/address.js';
import { writeContainerRecord } from '../../../src/daemon/container-record.js';
import { Code, RpcError } from '../../../src/ttrpc/status.js';
import { runToEnd } from '../../helpers/base/command.js';
import { missing } from '../../helpers/base/requirement.js';
import { shimCaller, shimEnvironment, shimPath, shimScript } from '../../helpers/shim/shim.js';
import { assertKilledNow, callDelete } from '../../helpers/shim/shim-delete.js';
import { serveRaw, serveShim } from '../../helpers/shim/shim-server.js';
import { executionIn, nodeFlags, reportingNode } from '../../helpers/shim/reporting-node.js';

const skip = missing('root');
const env = { ...shimEnvironment, TERMSHIM_NODE: reportingNode };

/** A bundle as `start` leaves it, of a daemon that the test plays or not. */
function setUp(t: TestContext) {
  const shim = shimCaller(t);
  const bundle = shim.makeBundle('c1');
  const write = (name: string, text: string | Uint8Array): void => writeFileSync(join(bundle, name), text);
  write('address', toAddress(shim.socketOf()));
  const wordsFor = (id: string): string[] => [...shim.argumentsFor(id), '-bundle', bundle, 'delete'];
  return {
    ...shim,
    bundle,
    write,
    writeRecord: () =>
      writeContainerRecord(bundle, { runtime: ['runc'], root: '/x', systemdCgroup: false, mounted: true }),
    wordsFor,
    /** The launcher must answer; no Node could have said this. */
    answer: (id = 'c1') => callDelete(wordsFor(id), env),
    /** The launcher must leave it to Node, with the same words and without the lock. */
    async assertLeftToNode(words = wordsFor('c1')) {
      const execution = executionIn(await runToEnd([shimPath, ...words], { cwd: '/', env }));
      assert.deepEqual(execution, { words: [...nodeFlags, shimScript, ...words], isLocked: false });
    },
  };
}

test('the launcher answers a delete alone if there is no record and no daemon', { skip }, async (t) => {
  const { answer, write } = setUp(t);
  const never = await answer();
  assertKilledNow(never);
  assert.deepEqual({ pid: never.response.pid, warnings: never.warnings }, { pid: 0, warnings: [] });
  for (const pid of [1, 127, 128, 4_194_304, 999_999_999]) {
    write('init.pid', `${pid}`);
    const deleted = await answer();
    assertKilledNow(deleted);
    assert.equal(deleted.response.pid, pid);
  }
});

test('the launcher makes a living daemon give up its reservation if there is no record', { skip }, async (t) => {
  const { answer, socketOf } = setUp(t);
  const server = serveShim(t, socketOf());
  assertKilledNow(await answer());
  assert.deepEqual({ forgotten: server.forgotten, reserved: server.reserved }, { forgotten: ['c1'], reserved: [] });
});

test('the launcher accepts the arguments of containerd in any order, with any group', { skip }, async (t) => {
  const { bundle, namespace, address } = setUp(t);
  const words = ['-id', 'c1', '-bundle', bundle, '-debug', '-address', address, '-namespace', namespace, 'delete'];
  for (const group of ['pod', 'container', 'anything']) {
    assertKilledNow(await callDelete(words, { ...env, TERMSHIM_GROUP: group }));
  }
});

test('an id reaches the daemon unchanged', { skip }, async (t) => {
  const { answer, socketOf } = setUp(t);
  const server = serveShim(t, socketOf());
  const ids = ['i'.repeat(76), 'i'.repeat(90), 'döner ☃', '../c1', 'a b', '%s%n', '\n'];
  for (const id of ids) assertKilledNow(await answer(id));
  assert.deepEqual(server.forgotten, ids);
});

test('the launcher executes Node if there is a record, and does not ask the daemon', { skip }, async (t) => {
  const { assertLeftToNode, socketOf, writeRecord } = setUp(t);
  const server = serveShim(t, socketOf());
  writeRecord();
  await assertLeftToNode();
  assert.deepEqual(server.forgotten, []);
});

test('the launcher executes Node if a record appears while it asks the daemon', { skip }, async (t) => {
  const { assertLeftToNode, socketOf, writeRecord } = setUp(t);
  const onForget = () => {
    writeRecord();
    return {};
  };
  serveShim(t, socketOf(), { onForget });
  await assertLeftToNode();
});

test('the launcher executes Node for a container that the daemon knows', { skip }, async (t) => {
  const { assertLeftToNode, socketOf } = setUp(t);
  serveShim(t, socketOf(), { onForget: () => ({ known: true, pid: 77 }) });
  await assertLeftToNode();
});

test('the launcher executes Node if the daemon refuses', { skip }, async (t) => {
  const { assertLeftToNode, socketOf } = setUp(t);
  const onForget = (): never => {
    throw new RpcError(Code.Internal, 'no');
  };
  serveShim(t, socketOf(), { onForget });
  await assertLeftToNode();
});

test('the launcher executes Node if the daemon was killed, and Node removes the socket', { skip }, async (t) => {
  const { assertLeftToNode, socketOf } = setUp(t);
  serveShim(t, socketOf()).close();
  await assertLeftToNode();
});

test('the launcher accepts that a daemon ends during the request and has removed its socket', { skip }, async (t) => {
  const { answer, socketOf } = setUp(t);
  await serveRaw(t, socketOf(), (dialer) => {
    rmSync(socketOf());
    dialer.destroy();
  });
  assertKilledNow(await answer());
});

test('the launcher executes Node if the daemon hangs up, or is silent for a second', { skip }, async (t) => {
  const { assertLeftToNode, socketOf } = setUp(t);
  let hasLeft = false;
  await serveRaw(t, socketOf(), (dialer) => {
    if (!hasLeft) dialer.destroy();
    hasLeft = true;
  });
  await assertLeftToNode();
  const before = performance.now();
  await assertLeftToNode();
  assert.ok(performance.now() - before >= 900);
});

const here = `${socketDirectory}/termshim-`;
const otherAddresses: [title: string, address: string][] = [
  ['of containerd-shim-runc-v2', toAddress(`${socketDirectory}/${'0'.repeat(64)}`)],
  ['of no socket of ours', toAddress(`${socketDirectory}/termshim_${'0'.repeat(16)}`)],
  ['with a digit too few', toAddress(`${here}${'0'.repeat(15)}`)],
  ['with a digit too many', toAddress(`${here}${'0'.repeat(17)}`)],
  ['that leads elsewhere', toAddress(`${here}x/../../0123456`)],
  ['with other digits', toAddress(`${here}${'0'.repeat(15)}F`)],
  ['without a scheme', `${here}${'0'.repeat(16)}`],
  ['with more behind a zero byte', `${toAddress(`${here}${'0'.repeat(15)}`)}\0`],
  ['that is empty', ''],
  ['that never ends', 'unix://'.repeat(10_000)],
];

for (const [title, address] of otherAddresses) {
  test(`the launcher executes Node for an address ${title}`, { skip }, async (t) => {
    const { assertLeftToNode, write } = setUp(t);
    write('address', address);
    await assertLeftToNode();
  });
}

test('the launcher executes Node if the address file is missing or invalid', { skip }, async (t) => {
  const { assertLeftToNode, makeBundle, argumentsFor } = setUp(t);
  const other = makeBundle('c2');
  const words = [...argumentsFor('c2'), '-bundle', other, 'delete'];
  await assertLeftToNode(words);
  mkdirSync(join(other, 'address'));
  await assertLeftToNode(words);
});

for (const text of ['', 'x', '-1', '1 2', '12\n', '12\0', '9999999999', '1'.repeat(1000)]) {
  test(`the launcher executes Node for an init.pid with ${JSON.stringify(text.slice(0, 12))}`, { skip }, async (t) => {
    const { assertLeftToNode, write } = setUp(t);
    write('init.pid', text);
    await assertLeftToNode();
  });
}

test('the launcher executes Node for a bundle that is missing or no directory', { skip }, async (t) => {
  const { assertLeftToNode, argumentsFor, bundle } = setUp(t);
  for (const path of [join(bundle, 'none'), join(bundle, 'address'), '']) {
    await assertLeftToNode([...argumentsFor('c1'), '-bundle', path, 'delete']);
  }
});

test('the launcher executes Node for other arguments', { skip }, async (t) => {
  const { assertLeftToNode, argumentsFor, bundle, wordsFor } = setUp(t);
  await assertLeftToNode([...argumentsFor('c1'), 'delete']);
  await assertLeftToNode([...wordsFor('c1'), 'now']);
  await assertLeftToNode(['--debug', ...wordsFor('c1')]);
  await assertLeftToNode(['-id', 'c1', '-bundle', bundle, 'delete']);
  await assertLeftToNode(wordsFor(''));
  await assertLeftToNode(wordsFor('i'.repeat(91)));
});
