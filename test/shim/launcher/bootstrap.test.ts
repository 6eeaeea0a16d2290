/**
 * containerd since 2.3 writes BootstrapParams to the stdin of `start` and expects a BootstrapResult; older versions
 * write the options of the runtime, or nothing, and expect a bare address. What could break: one is taken for the
 * other, by the launcher or by Node, which must decide the same; or a stdin that never ends, has no bounds or is no
 * message makes `start` wait or fail. The tests send each to every path that answers: a living daemon, a new daemon,
 * and Node alone.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import * as fc from 'fast-check';
import { toAddress } from '../../../src/shim/address.js';
import { formFor } from '../../../src/shim/bootstrap.js';
import { BootstrapParams, BootstrapResult } from '../../../src/ttrpc/gen/containerd/bootstrap.js';
import { Options } from '../../../src/ttrpc/gen/containerd/runc-options.js';
import { Any } from '../../../src/ttrpc/gen/google/protobuf/any.js';
import { message, packAny } from '../../../src/ttrpc/message.js';
import { missing } from '../../helpers/base/requirement.js';
import { type ShimCaller, shimCaller, shimEnvironment, shimPath, shimScript } from '../../helpers/shim/shim.js';
import { serveShim } from '../../helpers/shim/shim-server.js';
import { executionIn, reportingNode } from '../../helpers/shim/reporting-node.js';
import { within } from '../../helpers/base/wait-for.js';

const skip = missing('root');
const launcher = [shimPath];
const node = [process.execPath, '--no-warnings', shimScript];

/** Each way to answer, by what is there already. */
const ways: [name: string, program: string[], isAlive: boolean][] = [
  ['the launcher, with a living daemon', launcher, true],
  ['the launcher and Node', launcher, false],
  ['Node alone', node, false],
];

function paramsFor(instanceId: string, namespace: string): Uint8Array {
  const fields = {
    instanceId,
    namespace,
    logLevel: -4,
    containerdVersion: '2.3.4',
    socketDir: '/run/containerd/s',
    extensions: [{ value: packAny(Options, { binaryName: 'crun', shimCgroup: 'x'.repeat(5000) }) }],
  };
  return BootstrapParams.encode(message(BootstrapParams, fields)).finish();
}

async function answerTo(shim: ShimCaller, program: string[], input: Uint8Array | string): Promise<Buffer> {
  const child = spawn(program[0] as string, [...program.slice(1), ...shim.argumentsFor('c1'), 'start'], {
    cwd: shim.makeBundle('c1'),
    env: shimEnvironment,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [stdout, stderr] = await within(
    Promise.all([buffer(child.stdout), buffer(child.stderr)]),
    'the answer',
    20_000,
  );
  assert.equal(stderr.toString(), '');
  return stdout;
}

function setUp(t: TestContext, isAlive: boolean): ShimCaller {
  const shim = shimCaller(t);
  if (isAlive) serveShim(t, shim.socketOf());
  return shim;
}

for (const [name, program, isAlive] of ways) {
  test(`${name}: BootstrapParams for this container are answered by a BootstrapResult`, { skip }, async (t) => {
    const shim = setUp(t, isAlive);
    const answer = BootstrapResult.decode(await answerTo(shim, program, paramsFor('c1', shim.namespace)));
    const address = toAddress(shim.socketOf());
    assert.deepEqual(answer, { version: 2, address, protocol: 'ttrpc', capabilities: [], metadata: {} });
  });

  test(`${name}: invalid bytes of an extension change nothing`, { skip }, async (t) => {
    const shim = setUp(t, isAlive);
    const broken = Buffer.from([0x32, 0x03, 0x0a, 0x7f, 0x61]);
    const params = Buffer.concat([paramsFor('c1', shim.namespace), broken]);
    const answer = BootstrapResult.decode(await answerTo(shim, program, params));
    assert.equal(answer.address, toAddress(shim.socketOf()));
  });

  test(`${name}: any other input is answered by the bare address`, { skip }, async (t) => {
    const shim = setUp(t, isAlive);
    const params = paramsFor('c1', shim.namespace);
    const questions: (Uint8Array | string)[] = [
      '',
      Any.encode(packAny(Options, { binaryName: 'crun' })).finish(),
      Any.encode(packAny(Options, {})).finish(),
      Any.encode({ typeUrl: 'c1', value: Buffer.from('other') }).finish(),
      paramsFor('c2', shim.namespace),
      paramsFor('c1', 'other'),
      paramsFor('', ''),
      params.subarray(0, -1),
      Buffer.concat([params, Buffer.from([0x0f])]),
      // A field of the number 0.
      Buffer.concat([params, Buffer.from([0x02, 0x01, 0x61])]),
      'hello\n',
      '{"version":2}',
      '{',
      '['.repeat(100_000),
      Buffer.alloc(200_000, 0xff),
    ];
    for (const question of questions) {
      assert.equal((await answerTo(shim, program, question)).toString(), toAddress(shim.socketOf()));
    }
  });

  test(`${name}: parameters in JSON are answered in JSON`, { skip }, async (t) => {
    const shim = setUp(t, isAlive);
    const { namespace } = shim;
    for (const names of [
      { instanceId: 'c1', namespace },
      { instance_id: 'c1', namespace, extensions: [] },
    ]) {
      const answer = await answerTo(shim, program, JSON.stringify(names));
      const address = toAddress(shim.socketOf());
      assert.deepEqual(JSON.parse(answer.toString()), { version: 2, address, protocol: 'ttrpc' });
    }
    const others = await answerTo(shim, program, JSON.stringify({ instanceId: 'c2', namespace }));
    assert.equal(others.toString(), toAddress(shim.socketOf()));
  });

  test(`${name}: an endless stdin, or one that stays open, delays nobody`, { skip }, async (t) => {
    const shim = setUp(t, isAlive);
    const words = [...program.slice(1), ...shim.argumentsFor('c1'), 'start'];
    const options = { cwd: shim.makeBundle('c1'), env: shimEnvironment };
    const silent = spawn(program[0] as string, words, { ...options, stdio: ['pipe', 'pipe', 'inherit'] });
    silent.stdin.on('error', () => {});
    silent.stdin.write(paramsFor('c1', shim.namespace));
    assert.equal((await within(buffer(silent.stdout), 'an answer', 10_000)).toString(), toAddress(shim.socketOf()));
    silent.stdin.destroy();
    const endless = spawn('sh', ['-c', 'yes | "$@"', 'sh', program[0] as string, ...words], { ...options });
    assert.equal((await within(buffer(endless.stdout), 'an answer', 10_000)).toString(), toAddress(shim.socketOf()));
  });
}

test('Node gets the stdin that the launcher has read', { skip }, async (t) => {
  const shim = shimCaller(t);
  const input = paramsFor('c1', shim.namespace);
  const environment = { TERMSHIM_NODE: reportingNode };
  const { words } = executionIn(await shim.call('c1', ['start'], { input, environment }));
  assert.equal(words.at(-1), 'start');
});

test('the launcher and Node decide the same, and no input crashes either', { skip }, async (t) => {
  const shim = setUp(t, true);
  const { namespace } = shim;
  const address = toAddress(shim.socketOf());
  const right = paramsFor('c1', namespace);
  const change = fc.tuple(fc.nat(right.length - 1), fc.integer({ min: 0, max: 255 }));
  const mutated = fc.array(change, { maxLength: 3 }).map((changes) => {
    const bytes = Buffer.from(right);
    for (const [at, byte] of changes) bytes[at] = byte;
    return bytes;
  });
  const cut = fc.nat(right.length).map((length) => right.subarray(0, length));
  const anything = fc.uint8Array({ maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(fc.oneof(mutated, cut, anything), async (bytes) => {
      const answer = await answerTo(shim, launcher, bytes);
      const isBare = answer.toString() === address;
      if (!isBare) assert.equal(BootstrapResult.decode(answer).address, address);
      const form = await formFor(bytes, { id: 'c1', namespace });
      // Groups, which protobuf has given up, are a doubt to the launcher, and not to the library.
      if (!isBare) assert.equal(form, 'result');
      if (form === 'address') assert.ok(isBare);
    }),
    { numRuns: 100 },
  );
});
