/**
 * The launcher computes the name of the socket and speaks ttrpc in its own code, beside the code in TypeScript, and the
 * two must agree. The tests run it against a real ttrpc server at the path that TypeScript computes. In every other
 * case it must not answer but execute Node, here a program that prints how it was executed.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { socketDirectory, socketPath, toAddress } from '../../../src/shim/address.js';
import { underLock } from '../../../src/shim/socket-lock.js';
import { Code, RpcError } from '../../../src/ttrpc/status.js';
import { runToEnd } from '../../helpers/base/command.js';
import { missing } from '../../helpers/base/requirement.js';
import { type ShimCallOptions, shimCaller, shimPath, shimScript } from '../../helpers/shim/shim.js';
import { serveRaw, serveShim } from '../../helpers/shim/shim-server.js';
import { executionIn, nodeFlags, reportingNode } from '../../helpers/shim/reporting-node.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const skip = missing('root');
const environment = { TERMSHIM_NODE: reportingNode };

function setUp(t: TestContext) {
  const shim = shimCaller(t);
  const call = (words: readonly string[], options: ShimCallOptions = {}) => {
    return shim.call('c1', words, { ...options, environment: { ...environment, ...options.environment } });
  };
  return { ...shim, start: (options?: ShimCallOptions) => call(['start'], options), call };
}

test('the launcher asks a living daemon and answers with its address', { skip }, async (t) => {
  const { start, socketOf, makeBundle } = setUp(t);
  const server = serveShim(t, socketOf());
  const answer = toAddress(socketOf());
  assert.deepEqual(await start(), { stdout: answer, stderr: '', status: 0 });
  assert.deepEqual(server.reserved, ['c1']);
  const bundle = makeBundle('c1');
  assert.deepEqual(readdirSync(bundle), ['address']);
  assert.equal(readFileSync(join(bundle, 'address'), 'utf8'), answer);
});

test('the launcher accepts exactly the arguments of containerd, in any order, and every valid id', {
  skip,
}, async (t) => {
  const { socketOf, directory, address, namespace } = setUp(t);
  const server = serveShim(t, socketOf());
  const id = 'i'.repeat(76);
  const words = ['-id', id, '-debug', '-address', address, '-namespace', namespace, 'start'];
  const { stdout } = await runToEnd([shimPath, ...words], { cwd: directory });
  assert.equal(stdout, toAddress(socketOf()));
  assert.deepEqual(server.reserved, [id]);
});

test('the launcher names the socket as TypeScript does, for any texts', { skip }, async (t) => {
  const { directory, address } = setUp(t);
  for (const [tail, namespace] of [
    ['', 'moby'],
    ['/döner ☃', 'k8s.io'],
    ['x'.repeat(4000), 'ÿ'],
    ['', ''],
  ] as const) {
    const key = { address: address + tail, namespace };
    const path = socketPath({ ...key, group: '' });
    const server = serveShim(t, path);
    t.after(() => runToEnd(['rm', '-f', path]));
    const words = ['-namespace', namespace, '-address', key.address, '-id', 'c1', 'start'];
    const { stdout } = await runToEnd([shimPath, ...words], { cwd: directory });
    assert.equal(stdout, toAddress(path));
    assert.deepEqual(server.reserved, ['c1']);
  }
});

test('the launcher executes Node under the lock if there is no daemon', { skip }, async (t) => {
  const { start, argumentsFor } = setUp(t);
  const { words, isLocked } = executionIn(await start());
  assert.deepEqual(words, [...nodeFlags, shimScript, '--lock-fd', '3', ...argumentsFor('c1'), 'start']);
  assert.equal(isLocked, true);
  assert.equal((await runToEnd(['flock', '--timeout', '5', socketDirectory, 'true'])).status, 0);
});

const otherWords: [title: string, words: string[]][] = [
  ['delete', ['-bundle', '/b', 'delete']],
  ['-v', ['-v']],
  ['-info', ['-info']],
  ['no verb', []],
  ['start with a bundle', ['-bundle', '/b', 'start']],
  ['start with two dashes', ['--debug', 'start']],
  ['start and another word', ['start', 'now']],
  ['an id that is too long for it', ['-id', 'i'.repeat(91), 'start']],
  ['an id that is empty', ['-id', '', 'start']],
  ['a flag without its value', ['-id']],
];

for (const [title, words] of otherWords) {
  test(`the launcher executes Node: ${title}`, { skip }, async (t) => {
    const { call, socketOf, argumentsFor } = setUp(t);
    const server = serveShim(t, socketOf());
    const execution = executionIn(await call(words));
    assert.deepEqual(execution.words, [...nodeFlags, shimScript, ...argumentsFor('c1'), ...words]);
    assert.deepEqual({ isLocked: execution.isLocked, reserved: server.reserved }, { isLocked: false, reserved: [] });
  });
}

for (const group of ['pod', 'container', 'anything']) {
  test(`the launcher executes Node for TERMSHIM_GROUP=${group}`, { skip }, async (t) => {
    const { start, socketOf } = setUp(t);
    const server = serveShim(t, socketOf());
    const { isLocked } = executionIn(await start({ environment: { TERMSHIM_GROUP: group } }));
    assert.deepEqual({ isLocked, reserved: server.reserved }, { isLocked: false, reserved: [] });
  });
}

for (const group of ['', 'namespace']) {
  test(`the launcher treats TERMSHIM_GROUP=${group} as the default`, { skip }, async (t) => {
    const { start, socketOf } = setUp(t);
    serveShim(t, socketOf());
    assert.equal((await start({ environment: { TERMSHIM_GROUP: group } })).stdout, toAddress(socketOf()));
  });
}

test('the launcher executes Node under the lock if the daemon refuses', { skip }, async (t) => {
  const { start, socketOf, makeBundle } = setUp(t);
  const onReserve = (): void => {
    throw new RpcError(Code.Unavailable, 'about to end');
  };
  serveShim(t, socketOf(), { onReserve });
  assert.equal(executionIn(await start()).isLocked, true);
  assert.deepEqual(readdirSync(makeBundle('c1')), []);
});

const yes = [0, 0, 0, 2, 0, 0, 0, 1, 2, 0, 0x12, 0];
const wrongAnswers: [title: string, bytes: number[]][] = [
  ['nothing', []],
  ['half a header', yes.slice(0, 5)],
  ['half a body', yes.slice(0, 11)],
  ['another stream', yes.with(7, 3)],
  ['no response', yes.with(8, 1)],
  ['flags', yes.with(9, 1)],
  ['a status', yes.with(10, 0x0a)],
  ['a payload', [0, 0, 0, 3, 0, 0, 0, 1, 2, 0, 0x12, 1, 0]],
  ['a length beyond all bounds', [255, 255, 255, 255, 0, 0, 0, 1, 2, 0, 0x12, 0]],
  ['another protocol', [...Buffer.from('HTTP/1.1 400 Bad Request\r\n')]],
];

for (const [title, bytes] of wrongAnswers) {
  test(`the launcher executes Node for a wrong answer: ${title}`, { skip }, async (t) => {
    const { start, socketOf } = setUp(t);
    await serveRaw(t, socketOf(), (dialer) => dialer.end(Buffer.from(bytes)));
    assert.equal(executionIn(await start()).isLocked, true);
  });
}

test('an answer of the daemon may come in pieces, and without a payload', { skip }, async (t) => {
  const { start, socketOf } = setUp(t);
  let answer = yes;
  await serveRaw(t, socketOf(), (dialer) => {
    const pieces = answer.map((byte) => Buffer.of(byte));
    const next = (): void => {
      const piece = pieces.shift();
      if (piece !== undefined) dialer.write(piece, () => setImmediate(next));
    };
    next();
  });
  assert.equal((await start()).stdout, toAddress(socketOf()));
  answer = [0, 0, 0, 0, 0, 0, 0, 1, 2, 0];
  assert.equal((await start()).stdout, toAddress(socketOf()));
});

test('the launcher waits two seconds for a silent daemon, with the lock and without', { skip }, async (t) => {
  const { start, socketOf } = setUp(t);
  let calls = 0;
  await serveRaw(t, socketOf(), () => calls++);
  assert.equal(executionIn(await start()).isLocked, true);
  assert.equal(calls, 2);
});

test('a start that finds the lock taken waits, and then finds the daemon', { skip }, async (t) => {
  const { start, socketOf } = setUp(t);
  const starting = await underLock(async () => {
    const running = start();
    await waitFor(isLockAwaited, 'the launcher to wait for the lock');
    serveShim(t, socketOf());
    return { running };
  });
  assert.equal((await starting.running).stdout, toAddress(socketOf()));
});

/** proc_locks(5) marks those who wait. */
function isLockAwaited(): boolean {
  return /-> FLOCK/.test(readFileSync('/proc/locks', 'utf8'));
}

test('the launcher executes Node for a bundle that cannot be written to', { skip }, async (t) => {
  const { start, socketOf, makeBundle } = setUp(t);
  const server = serveShim(t, socketOf());
  // Here a directory is in the way of the temporary file: nothing else stops root.
  mkdirSync(join(makeBundle('c1'), '.address'));
  executionIn(await start());
  assert.deepEqual(server.reserved, ['c1', 'c1']);
});

test('the launcher may be executed through a link with another name', { skip }, async (t) => {
  const { start, directory } = setUp(t);
  const link = join(directory, 'containerd-shim-runc-v2');
  symlinkSync(shimPath, link);
  const { words } = executionIn(await start({ program: [link] }));
  assert.equal(words[nodeFlags.length], shimScript);
});

test('a copy of the launcher, or a machine without Node, causes one line of error', { skip }, async (t) => {
  const { start, directory } = setUp(t);
  const copy = join(temporaryDirectory(t), 'containerd-shim-termshim-v2');
  copyFileSync(shimPath, copy);
  const name = 'containerd-shim-termshim-v2:';
  const copied = await start({ program: [copy] });
  assert.equal(copied.status, 1);
  assert.equal(copied.stdout, '');
  assert.match(
    copied.stderr,
    /^containerd-shim-termshim-v2: [^\n]*cannot read \/[^\n]*main\.cjs: No such file [^\n]*\n$/,
  );
  const without = await start({ environment: { TERMSHIM_NODE: 'no-such-node', PATH: directory } });
  const words = 'cannot execute Node.js (TERMSHIM_NODE, or node in PATH): no-such-node: No such file or directory';
  assert.deepEqual(without, { stdout: '', stderr: `${name} ${words}\n`, status: 1 });
  const wrong = await start({ environment: { TERMSHIM_NODE: directory } });
  assert.match(wrong.stderr, new RegExp(`${directory}: Permission denied\n$`));
});

test('Node is found in PATH', { skip }, async (t) => {
  const { start, directory } = setUp(t);
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  symlinkSync(reportingNode, join(bin, 'node'));
  const PATH = `/nonexistent:${bin}:${process.env['PATH']}`;
  executionIn(await start({ environment: { TERMSHIM_NODE: '', PATH } }));
});
