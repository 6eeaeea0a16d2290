/*
 * A ring computes with positions that grow for ever, in a buffer of fixed size. What could break: an error by one at
 * the end of the buffer, a reader that does not notice that its position was overwritten, or bytes of one ring in a
 * reader of another. The test compares the ring with a plain array for any sequence of writes and reads, and then
 * forces each answer of each function.
 */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { array, assert as assertProperty, integer, oneof, property, record, constant } from 'fast-check';
import { addon, PumpStop } from '../../src/native/addon.js';
import { fifoPair } from '../helpers/copy/fifo-pair.js';
import { leakTest, type Scope } from '../helpers/base/leak-free.js';
import { createPump, fifoBytes, readAll, runPump } from '../helpers/copy/pump.js';

const { EINVAL, EOVERFLOW } = constants.errno;

interface TappedPump {
  ring: number;
  /** Appends bytes, as a pump does whose sink takes them. */
  append(bytes: Uint8Array): void;
}

function tappedPump(scope: Scope, capacity: number): TappedPump {
  const ring = addon.ring_create(capacity);
  assert.ok(ring >= 0);
  scope.after(() => addon.ring_destroy(ring));
  const [from, to] = [fifoPair(scope), fifoPair(scope)];
  const pump = createPump(scope, from.reader.fd, to.writer.fd);
  assert.equal(addon.pump_tap(pump, ring), 0);
  return {
    ring,
    append(bytes) {
      assert.equal(addon.fd_write(from.writer.fd, bytes), bytes.length);
      assert.equal(runPump(pump).stop, PumpStop.empty);
      assert.equal(readAll(to.reader.fd).length, bytes.length);
    },
  };
}

leakTest('any sequence of writes and reads gives the same bytes as a plain array', (scope) => {
  const append = record({ kind: constant('append' as const), count: integer({ min: 1, max: 40 }) });
  const read = record({ kind: constant('read' as const), count: integer({ min: 1, max: 40 }) });
  const skip = record({ kind: constant('skip' as const), count: constant(0) });
  assertProperty(
    property(integer({ min: 1, max: 33 }), array(oneof(append, read, skip), { maxLength: 40 }), (capacity, steps) => {
      const undos: (() => unknown)[] = [];
      const { ring, append: put } = tappedPump({ after: (undo) => void undos.push(undo) }, capacity);
      const reader = addon.ring_reader_create(ring, 0);
      const all: number[] = [];
      let place = 0;
      for (const { kind, count } of steps) {
        const behind = all.length - place;
        assert.equal(addon.ring_reader_behind(reader), behind);
        if (kind === 'append') {
          const bytes = Array.from({ length: count }, (_, i) => (all.length + i) & 0xff);
          put(Uint8Array.from(bytes));
          all.push(...bytes);
        } else if (kind === 'skip') {
          assert.equal(addon.ring_reader_skip(reader), behind);
          place = all.length;
        } else {
          const into = new Uint8Array(count);
          const got = addon.ring_reader_read(reader, into);
          if (behind > capacity) assert.equal(got, -EOVERFLOW);
          else assert.deepEqual([...into.subarray(0, got)], all.slice(place, place + count));
          place += Math.max(0, got);
        }
        const recent = new Uint8Array(100);
        const held = addon.ring_recent(ring, recent);
        assert.deepEqual([...recent.subarray(0, held)], all.slice(Math.max(0, all.length - capacity)));
        assert.equal(addon.ring_bytes(ring), all.length);
      }
      addon.ring_reader_destroy(reader);
      while (undos.length > 0) undos.pop()?.();
    }),
    { numRuns: 60 },
  );
  scope.after(() => {});
});

leakTest(
  'ring_write stops if the reader has caught up, the sink is full or broken, or the position is lost',
  (scope) => {
    const { ring, append } = tappedPump(scope, fifoBytes + 100);
    const reader = addon.ring_reader_create(ring, 0);
    const sink = fifoPair(scope);
    append(Buffer.from('hello'));
    assert.equal(addon.ring_reader_write(reader, sink.writer.fd), PumpStop.empty);
    assert.equal(readAll(sink.reader.fd).toString(), 'hello');
    append(Buffer.alloc(fifoBytes, 'x'));
    append(Buffer.from('and more'));
    assert.equal(addon.ring_reader_write(reader, sink.writer.fd), PumpStop.full);
    assert.equal(addon.ring_reader_behind(reader), 8);
    append(Buffer.alloc(fifoBytes, 'y'));
    append(Buffer.alloc(200, 'z'));
    assert.equal(addon.ring_reader_write(reader, sink.writer.fd), PumpStop.lost);
    assert.equal(addon.ring_reader_skip(reader), fifoBytes + 208);
    append(Buffer.from('.'));
    sink.reader.close();
    assert.equal(addon.ring_reader_write(reader, sink.writer.fd), PumpStop.broken);
    assert.equal(addon.ring_reader_write(reader, -1), PumpStop.sinkError | (constants.errno.EBADF << 8));
    addon.ring_reader_destroy(reader);
  },
);

leakTest('a reader may begin with older output as far as the ring holds it', (scope) => {
  const { ring, append } = tappedPump(scope, 10);
  append(Buffer.from('0123456789abc'));
  for (const [back, expected] of [
    [0, ''],
    [3, 'abc'],
    [10, '3456789abc'],
    [1000, '3456789abc'],
  ] as const) {
    const reader = addon.ring_reader_create(ring, back);
    const into = Buffer.alloc(100);
    assert.equal(into.toString('utf8', 0, addon.ring_reader_read(reader, into)), expected);
    addon.ring_reader_destroy(reader);
  }
});

test('an unknown ring returns EINVAL', () => {
  assert.equal(addon.ring_create(0), -EINVAL);
  const ring = addon.ring_create(1);
  const reader = addon.ring_reader_create(ring, 0);
  assert.equal(addon.ring_reader_create(ring, -1), -EINVAL);
  assert.equal(addon.ring_destroy(ring), 0);
  assert.equal(addon.ring_destroy(ring), -EINVAL);
  assert.equal(addon.ring_bytes(ring), -EINVAL);
  assert.equal(addon.ring_recent(ring, new Uint8Array(1)), -EINVAL);
  assert.equal(addon.ring_reader_create(ring, 0), -EINVAL);
  assert.equal(addon.ring_reader_behind(reader), -EINVAL);
  assert.equal(addon.ring_reader_read(reader, new Uint8Array(1)), -EINVAL);
  assert.equal(addon.ring_reader_write(reader, 1), -EINVAL);
  assert.equal(addon.ring_reader_destroy(reader), 0);
  assert.equal(addon.ring_reader_destroy(reader), -EINVAL);
  assert.equal(addon.pump_tap(12345, 0), -EINVAL);
});

test('a freed id is used again, and many rings can exist at the same time', () => {
  const rings = Array.from({ length: 100 }, () => addon.ring_create(8));
  assert.equal(new Set(rings).size, 100);
  for (const ring of rings) assert.equal(addon.ring_destroy(ring), 0);
  const again = addon.ring_create(8);
  assert.ok(rings.includes(again));
  addon.ring_destroy(again);
});
