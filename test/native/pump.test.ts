/*
 * All pumps live in one table and share their memory: ids are used again, the table is moved when it grows, and the
 * rest of a block waits in a pool. The tests fill, empty and free many pumps in changing order; no pump may return the
 * bytes of another.
 */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { PumpStop, addon } from '../../src/native/addon.js';
import { fifoPair } from '../helpers/copy/fifo-pair.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { pattern } from '../helpers/copy/pattern.js';
import { createPump, fifoBytes, openRawPty, readAll, runPump } from '../helpers/copy/pump.js';

const { EINVAL } = constants.errno;

leakTest(
  'pump_run returns EINVAL for ids that are unknown, negative or destroyed, and for an invalid budget',
  (scope) => {
    const { reader, writer } = fifoPair(scope);
    const pump = addon.pump_create(reader.fd, writer.fd);
    assert.equal(addon.pump_run(pump, 0, false), -EINVAL);
    assert.equal(addon.pump_run(pump, -1, false), -EINVAL);
    assert.equal(addon.pump_destroy(pump), 0);
    for (const id of [pump, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      const answers = [
        addon.pump_run(id, 1, false),
        addon.pump_bytes(id),
        addon.pump_pending(id),
        addon.pump_destroy(id),
      ];
      assert.deepEqual(
        [...answers, addon.pump_last_byte(id)],
        [-EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL],
        `id ${id}`,
      );
    }
  },
);

leakTest('a pump with a reused id has no bytes of the previous pump', (scope) => {
  const from = fifoPair(scope);
  const to = fifoPair(scope);
  const first = addon.pump_create(from.reader.fd, to.writer.fd);
  addon.fd_write(to.writer.fd, Buffer.alloc(fifoBytes));
  addon.fd_write(from.writer.fd, Buffer.from('dropped with the pump'));
  assert.equal(runPump(first).stop, PumpStop.full);
  addon.pump_destroy(first);
  readAll(to.reader.fd);
  const second = createPump(scope, from.reader.fd, to.writer.fd);
  assert.equal(second, first);
  assert.deepEqual([addon.pump_bytes(second), addon.pump_pending(second), addon.pump_last_byte(second)], [0, 0, -1]);
  assert.equal(runPump(second).stop, PumpStop.empty);
  assert.equal(readAll(to.reader.fd).length, 0);
});

leakTest("a hundred pumps with pending blocks never see each other's bytes", (scope) => {
  const lives = Array.from({ length: 100 }, (_, seed) => {
    const from = fifoPair(scope);
    const to = fifoPair(scope);
    addon.fd_write(to.writer.fd, Buffer.alloc(fifoBytes));
    const sent = pattern(1000 + seed, seed + 1);
    addon.fd_write(from.writer.fd, sent);
    const pump = createPump(scope, from.reader.fd, to.writer.fd);
    assert.equal(runPump(pump).stop, PumpStop.full);
    return { pump, to, sent };
  });
  for (const { pump } of lives.filter((_, i) => i % 3 === 0)) addon.pump_destroy(pump);
  for (const { pump, to, sent } of lives.filter((_, i) => i % 3 !== 0)) {
    readAll(to.reader.fd);
    assert.equal(runPump(pump).stop, PumpStop.empty);
    assert.ok(readAll(to.reader.fd).equals(sent), `pump ${pump} delivered something else`);
  }
});

leakTest('a pump leaves its descriptors open when it is destroyed', (scope) => {
  const { reader, writer } = fifoPair(scope);
  addon.pump_destroy(addon.pump_create(reader.fd, writer.fd));
  assert.equal(addon.fd_write(writer.fd, Buffer.from('x')), 1);
});

leakTest('two pumps carry input and output of a pty byte for byte', (scope) => {
  const { master, tty } = openRawPty(scope);
  const typed = fifoPair(scope);
  const shown = fifoPair(scope);
  const input = createPump(scope, typed.reader.fd, master);
  const output = createPump(scope, master, shown.writer.fd);
  const sent = pattern(3000);
  addon.fd_write(typed.writer.fd, sent);
  assert.equal(runPump(input).stop, PumpStop.empty);
  const got: Buffer[] = [];
  while (Buffer.concat(got).length < sent.length) got.push(readAll(tty.fd));
  assert.ok(Buffer.concat(got).equals(sent));
  addon.fd_write(tty.fd, sent);
  assert.equal(runPump(output).stop, PumpStop.empty);
  assert.ok(readAll(shown.reader.fd).equals(sent));
});
