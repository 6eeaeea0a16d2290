/*
 * A shim answers `start` in one of several forms. What could break: a form that the shims of some containerd version
 * use is refused, or one form is mistaken for another, since some texts are valid messages and some messages are valid
 * texts; or other bytes make the parser throw or run without end. Known answers and random bytes are parsed here.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseAnswer } from '../../../src/client/external-shim/bootstrap-answer.js';
import { BootstrapResult } from '../../../src/ttrpc/gen/containerd/bootstrap.js';
import { message } from '../../../src/ttrpc/message.js';

const address = 'unix:///run/containerd/s/1';

function result(fields: Partial<BootstrapResult>): Uint8Array {
  return BootstrapResult.encode(message(BootstrapResult, fields)).finish();
}

test('a bare address, with or without a newline, means version 2', () => {
  const expected = { address, version: 2, protocol: 'ttrpc' };
  for (const text of [address, `${address}\n`, ` ${address} \r\n`]) {
    assert.deepEqual(parseAnswer(Buffer.from(text)), expected);
  }
});

test('a JSON answer has a version and a protocol, or the defaults of a bare address', () => {
  const parse = (value: unknown) => parseAnswer(Buffer.from(`${JSON.stringify(value)}\n`));
  assert.deepEqual(parse({ version: 3, address, protocol: 'ttrpc' }), { version: 3, address, protocol: 'ttrpc' });
  assert.deepEqual(parse({ address }), { version: 2, address, protocol: 'ttrpc' });
  for (const other of [{}, [], 7, null, { address: 7 }, { address, version: '3' }])
    assert.equal(parse(other), undefined);
});

test('a BootstrapResult is read as the shim of containerd 2.3 writes it', () => {
  // Captured: version 3, the address, ttrpc.
  const captured = Buffer.concat([
    Buffer.from([0x08, 3, 0x12, address.length]),
    Buffer.from(address),
    Buffer.from([0x1a, 5]),
    Buffer.from('ttrpc'),
  ]);
  assert.deepEqual(parseAnswer(captured), { version: 3, address, protocol: 'ttrpc' });
  const more = result({ version: 2, address, protocol: 'grpc', capabilities: [0, 7], metadata: { a: 'b' } });
  assert.deepEqual(parseAnswer(more), { version: 2, address, protocol: 'grpc' });
  const unknown = Buffer.concat([more, Buffer.from([0xa2, 0x06, 2, 1, 2])]);
  assert.deepEqual(parseAnswer(unknown), { version: 2, address, protocol: 'grpc' });
});

test('any other answer is refused', () => {
  const cut = result({ version: 3, address, protocol: 'ttrpc' }).subarray(0, 12);
  for (const bytes of [Buffer.alloc(0), Buffer.from('hello'), Buffer.from('unix://'), cut, result({ version: 3 })]) {
    assert.equal(parseAnswer(bytes), undefined);
  }
  assert.equal(parseAnswer(Buffer.from(`${address}\nwarning: x`)), undefined);
  assert.equal(parseAnswer(Buffer.from('['.repeat(64 * 1024))), undefined);
});

test('every result is read as it was written, and no bytes make the parser throw', () => {
  const version = fc.integer({ min: 0, max: 0x7fff_ffff });
  const fields = fc.record(
    { version, address: fc.string({ minLength: 1 }), protocol: fc.string() },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(fields, (it) => assert.deepEqual(parseAnswer(result(it)), it)));
  const mutated = fc.tuple(fields, fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 0, max: 255 })), { minLength: 1 }));
  fc.assert(
    fc.property(mutated, ([it, changes]) => {
      const bytes = Buffer.from(result(it));
      for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
      parseAnswer(bytes);
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void parseAnswer(bytes)),
    { numRuns: 2000 },
  );
});
