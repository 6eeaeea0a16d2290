/*
 * Clients may send anything to a daemon's socket: frames of any kind with any payload, calls of every method with
 * made-up fields, cut anywhere, and may disconnect at any moment. Meanwhile the daemon must answer other clients and
 * log no uncaught exception, and afterwards it must have no more descriptors and hardly more memory. fast-check makes
 * up the frames.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import * as fc from 'fast-check';
import { encodeFrame } from '../../../src/ttrpc/frame.js';
import { TaskDefinition } from '../../../src/ttrpc/gen/containerd/task.js';
import { SessionsDefinition } from '../../../src/ttrpc/gen/termshim/sessions.js';
import { ShimDefinition } from '../../../src/ttrpc/gen/termshim/shim.js';
import { Request } from '../../../src/ttrpc/gen/ttrpc.js';
import { message } from '../../../src/ttrpc/message.js';
import { openDescriptors } from '../../helpers/base/descriptors.js';
import { fuzz, fuzzSeconds, mangled, sendPieces } from '../../helpers/base/fuzz.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { termshim } from '../../helpers/e2e/termshim.js';
import { connectToDaemon } from '../../helpers/e2e/user-daemon.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

test('no frame ends the daemon or makes it leak', { timeout: 120_000 + fuzzSeconds * 1000 }, async (t) => {
  const testbed = openTestbed(t);
  // It tells of those that do not speak ttrpc.
  testbed.letDaemonComplain();
  const run = ['run', '-d', '-t', '--name', 'box', '--', 'sleep', '1000'];
  assert.equal((await termshim(run, { env: testbed.env })).status, 0);
  testbed.after(() => termshim(['delete', '--force', 'box'], { env: testbed.env }));
  const { task } = await connectToDaemon(testbed);
  const { shimPid: pid } = await task.connect({ id: 'box' });
  const socketPath = `${testbed.env['XDG_RUNTIME_DIR']}/termshim/daemon.sock`;
  const attack = async ({ pieces, ending }: Attack): Promise<void> => {
    const socket = createConnection(socketPath);
    const closed = await sendPieces(socket, pieces);
    if (ending === 'end') socket.end();
    await Promise.race([closed(), delay(ending === 'leave' ? 0 : 20)]);
    socket.destroy();
    const answer = await within(task.connect({ id: 'box' }), 'an answer to somebody else', 5000);
    assert.equal(answer.shimPid, pid);
  };
  const before = openDescriptors(pid).length;
  const count = await fuzz(attacks, attack);
  await waitFor(() => openDescriptors(pid).length <= before, 'every descriptor to be closed', 20_000);
  const kilobytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  assert.ok(kilobytes < 250_000, `the daemon has ${kilobytes} kB`);
  const log = readFileSync(`${testbed.env['XDG_RUNTIME_DIR']}/termshim/daemon.log`, 'utf8');
  assert.doesNotMatch(log, /uncaught/);
  t.diagnostic(`${count} attacks in ${fuzzSeconds} s, ${kilobytes} kB`);
});

interface Attack {
  pieces: Buffer[];
  ending: 'end' | 'leave' | 'stay';
}

/** Nothing here names the container that must stay, nor a place outside the test. */
const word = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'none',
    '../..',
    '__proto__',
    'containerd.runc.v1.Options',
    'termshim.v1.CreateOptions',
    '{}',
  ),
  fc.string({ maxLength: 30 }).map((it) => it.replaceAll('/', '')),
);

/** A field of protobuf, right or not: its tag, and a value of the tag's wire type or of another. */
const field = fc
  .record({ number: fc.integer({ min: 1, max: 15 }), type: fc.nat({ max: 5 }), text: word, value: fc.nat() })
  .map(({ number, type, text, value }) => {
    const tag = Buffer.from([(number << 3) | type]);
    const bytes = Buffer.from(text);
    if (type === 2) return Buffer.concat([tag, Buffer.from([bytes.length & 127]), bytes]);
    return Buffer.concat([tag, Buffer.from([value & 127])]);
  });

/** But for Reserve, which keeps the daemon for a minute, and Stop, which ends it and its container by force. */
const methods = [TaskDefinition, SessionsDefinition, ShimDefinition]
  .flatMap(({ fullName, methods: all }) => Object.values(all).map(({ name }) => ({ service: fullName, method: name })))
  .filter(({ method }) => method !== 'Reserve' && method !== 'Stop');

const call = fc
  .record({
    to: fc.oneof(fc.constantFrom(...methods), fc.record({ service: word, method: word })),
    fields: fc.array(field, { maxLength: 8 }),
    timeoutNano: fc.oneof(fc.constant(0n), fc.constant(-1n), fc.bigInt({ min: 0n, max: 2n ** 40n })),
  })
  .map(({ to, fields, timeoutNano }) =>
    Buffer.from(Request.encode(message(Request, { ...to, payload: Buffer.concat(fields), timeoutNano })).finish()),
  );

const frame = fc
  .record({
    streamId: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 0xffffffff })),
    type: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.nat({ max: 255 }) }),
    payload: fc.oneof({ weight: 4, arbitrary: call }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) }),
  })
  .map(encodeFrame);

const attacks: fc.Arbitrary<Attack> = fc.record({
  pieces: fc.oneof(
    fc.array(frame, { minLength: 1, maxLength: 20 }),
    // In their order, as a client that does nothing wrong numbers them.
    fc
      .array(call, { minLength: 1, maxLength: 20 })
      .map((calls) => calls.map((payload, at) => encodeFrame({ streamId: 2 * at + 1, type: 1, payload }))),
    frame.chain((bytes) => fc.array(mangled(bytes), { minLength: 1, maxLength: 4 })),
  ),
  ending: fc.constantFrom('end', 'leave', 'stay'),
});
