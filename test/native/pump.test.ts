/*
 * A pump is the only thing that touches a session's bytes, and its answer is all that JavaScript knows of them. So each
 * answer is forced with the kernel object that causes it; and since the rest of a block waits in memory that pumps share,
 * many pumps are filled, emptied and freed in changing order and must never see one another's bytes.
 */
import assert from 'node:assert/strict';
import { constants as fs } from 'node:fs';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import { PumpStop, addon } from '../../src/native/addon.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { fifoPair } from '../helpers/fifo-pair.js';
import { type Scope, leakFree } from '../helpers/leak-free.js';
import { pattern } from '../helpers/pattern.js';

const { EBADF, EINVAL, EISDIR, ENOSPC } = constants.errno;
const { O_RDONLY, O_RDWR, O_WRONLY, O_NOCTTY, O_NONBLOCK } = fs;
/** A second, of which no run here takes more than a little. */
const plentyUs = 1_000_000;
const fifoSize = 65536;

function createPump(scope: Scope, source: number, sink: number): number {
  const pump = addon.pump_create(source, sink);
  assert.ok(pump >= 0);
  scope.after(() => addon.pump_destroy(pump));
  return pump;
}

function opened(scope: Scope, path: string, flags: number): number {
  const file = OwnedFd.open(path, flags, path);
  scope.after(() => file.close());
  return file.fd;
}

function run(pump: number, budgetUs = plentyUs, toTheEnd = true): { stop: number; errno: number } {
  const answer = addon.pump_run(pump, budgetUs, toTheEnd);
  assert.ok(answer >= 0, `pump_run answered ${answer}`);
  return { stop: answer & 0xff, errno: answer >> 8 };
}

function drain(fd: number): Buffer {
  const chunks: Buffer[] = [];
  const block = Buffer.alloc(fifoSize);
  for (let got = addon.fd_read(fd, block); got > 0; got = addon.fd_read(fd, block)) {
    chunks.push(Buffer.from(block.subarray(0, got)));
  }
  return Buffer.concat(chunks);
}

/** Master and tty; the tty raw, so that bytes pass as they are. */
function openPty(scope: Scope): { master: number; tty: OwnedFd } {
  const master = new OwnedFd(addon.tty_open_master(), 'the master of a test');
  scope.after(() => master.close());
  const path = `/dev/pts/${addon.tty_pts_number(master.fd)}`;
  const tty = OwnedFd.open(path, O_RDWR | O_NOCTTY | O_NONBLOCK, path);
  scope.after(() => tty.close());
  addon.tty_set_raw(tty.fd);
  return { master: master.fd, tty };
}

describe('why a pump stops', () => {
  for (const toTheEnd of [false, true]) {
    test(`empty: all that was there has been moved (toTheEnd ${toTheEnd})`, leakFree((scope) => {
      const from = fifoPair(scope);
      const to = fifoPair(scope);
      const pump = createPump(scope, from.reader.fd, to.writer.fd);
      assert.deepEqual(run(pump, plentyUs, toTheEnd), { stop: PumpStop.empty, errno: 0 });
      assert.equal(addon.pump_last_byte(pump), -1);
      addon.fd_write(from.writer.fd, Buffer.from('hello'));
      assert.deepEqual(run(pump, plentyUs, toTheEnd), { stop: PumpStop.empty, errno: 0 });
      assert.equal(drain(to.reader.fd).toString(), 'hello');
      assert.equal(addon.pump_bytes(pump), 5);
      assert.equal(addon.pump_last_byte(pump), 'o'.charCodeAt(0));
    }));
  }

  test('end: the writer of a FIFO has left, and all it wrote comes first', leakFree((scope) => {
    const from = fifoPair(scope);
    const to = fifoPair(scope);
    const pump = createPump(scope, from.reader.fd, to.writer.fd);
    addon.fd_write(from.writer.fd, Buffer.from('last words'));
    from.writer.close();
    assert.equal(run(pump).stop, PumpStop.end);
    assert.equal(drain(to.reader.fd).toString(), 'last words');
    assert.equal(run(pump).stop, PumpStop.end, 'and it says so again');
  }));

  test('hangup: no tty of the master is open, and all that was written comes first', leakFree((scope) => {
    const { master, tty } = openPty(scope);
    const to = fifoPair(scope);
    const pump = createPump(scope, master, to.writer.fd);
    addon.fd_write(tty.fd, Buffer.from('last words'));
    tty.close();
    assert.equal(run(pump).stop, PumpStop.hangup);
    assert.equal(drain(to.reader.fd).toString(), 'last words');
  }));

  test('full: nothing is read beyond one block, and all arrives once there is room', leakFree((scope) => {
    const from = fifoPair(scope);
    const to = fifoPair(scope);
    const pump = createPump(scope, from.reader.fd, to.writer.fd);
    const [first, second, third] = [pattern(fifoSize, 1), pattern(fifoSize, 2), pattern(fifoSize, 3)] as const;
    addon.fd_write(from.writer.fd, first);
    assert.equal(run(pump).stop, PumpStop.empty);
    addon.fd_write(from.writer.fd, second);
    assert.deepEqual(run(pump), { stop: PumpStop.full, errno: 0 });
    assert.equal(addon.pump_pending(pump), fifoSize);
    assert.equal(addon.fd_write(from.writer.fd, third), fifoSize);
    assert.equal(run(pump).stop, PumpStop.full, 'a full sink stops the source');
    assert.equal(addon.fd_unread(from.reader.fd), fifoSize);
    assert.ok(drain(to.reader.fd).equals(first));
    assert.equal(run(pump).stop, PumpStop.full);
    assert.ok(drain(to.reader.fd).equals(second));
    assert.equal(run(pump).stop, PumpStop.empty);
    assert.equal(addon.pump_pending(pump), 0);
    assert.ok(drain(to.reader.fd).equals(third));
    assert.equal(addon.pump_bytes(pump), 3 * fifoSize);
  }));

  test('full: the sink takes part of a block', leakFree((scope) => {
    const from = fifoPair(scope);
    const to = fifoPair(scope);
    const pump = createPump(scope, from.reader.fd, to.writer.fd);
    addon.fd_write(to.writer.fd, Buffer.alloc(fifoSize - 3 * 4096));
    const sent = pattern(5 * 4096);
    addon.fd_write(from.writer.fd, sent);
    assert.equal(run(pump).stop, PumpStop.full);
    assert.equal(addon.pump_pending(pump), 2 * 4096);
    assert.equal(addon.pump_bytes(pump), 3 * 4096);
    assert.equal(addon.pump_last_byte(pump), sent[3 * 4096 - 1]);
    const before = drain(to.reader.fd).subarray(fifoSize - 3 * 4096);
    assert.equal(run(pump).stop, PumpStop.empty);
    assert.ok(Buffer.concat([before, drain(to.reader.fd)]).equals(sent));
  }));

  test('full: a source that ended meanwhile says so once the rest is gone', leakFree((scope) => {
    const from = fifoPair(scope);
    const to = fifoPair(scope);
    const pump = createPump(scope, from.reader.fd, to.writer.fd);
    addon.fd_write(to.writer.fd, Buffer.alloc(fifoSize));
    addon.fd_write(from.writer.fd, Buffer.from('rest'));
    from.writer.close();
    assert.equal(run(pump).stop, PumpStop.full);
    drain(to.reader.fd);
    assert.equal(run(pump).stop, PumpStop.end);
    assert.equal(drain(to.reader.fd).toString(), 'rest');
  }));

  test('broken: the reader has left; the rest is pending and can go to the next reader', leakFree((scope) => {
    const from = fifoPair(scope);
    const to = fifoPair(scope);
    const pump = createPump(scope, from.reader.fd, to.writer.fd);
    to.reader.close();
    addon.fd_write(from.writer.fd, Buffer.from('for later'));
    assert.deepEqual(run(pump), { stop: PumpStop.broken, errno: 0 });
    assert.equal(addon.pump_pending(pump), 9);
    const next = opened(scope, to.path, O_RDONLY | O_NONBLOCK);
    assert.equal(run(pump).stop, PumpStop.empty);
    assert.equal(drain(next).toString(), 'for later');
  }));

  test('broken: a tty whose master is gone', leakFree((scope) => {
    const from = fifoPair(scope);
    const master = new OwnedFd(addon.tty_open_master(), 'the master of a test');
    const tty = opened(scope, `/dev/pts/${addon.tty_pts_number(master.fd)}`, O_WRONLY | O_NOCTTY | O_NONBLOCK);
    master.close();
    addon.fd_write(from.writer.fd, Buffer.from('x'));
    assert.equal(run(createPump(scope, from.reader.fd, tty)).stop, PumpStop.broken);
  }));

  test('budget: a run of a microsecond moves something, and the rest comes in the next', leakFree((scope) => {
    const { master, tty } = openPty(scope);
    const to = fifoPair(scope);
    const pump = createPump(scope, master, to.writer.fd);
    const typed = pattern(20_000);
    const sent = typed.subarray(0, addon.fd_write(tty.fd, typed));
    assert.ok(sent.length > 2 * 4095, 'more than two reads');
    let runs = 0;
    for (let moved = -1; run(pump, 1).stop === PumpStop.budget; runs++) {
      assert.ok(addon.pump_bytes(pump) > moved, 'a run moved nothing, and asks for another');
      moved = addon.pump_bytes(pump);
    }
    assert.ok(runs > 0, 'the budget never ended a run');
    assert.ok(drain(to.reader.fd).equals(sent));
  }));

  test('budget: a source that never ends gives the turn back in time', leakFree((scope) => {
    const pump = createPump(scope, opened(scope, '/dev/zero', O_RDONLY), opened(scope, '/dev/null', O_WRONLY));
    const start = performance.now();
    assert.equal(run(pump, 2000).stop, PumpStop.budget);
    const elapsed = performance.now() - start;
    assert.ok(addon.pump_bytes(pump) > 0);
    assert.ok(elapsed >= 2 && elapsed < 100, `${elapsed} ms for a budget of 2 ms`);
  }));

  test('sourceError: with its errno', leakFree((scope) => {
    const to = fifoPair(scope);
    const directory = opened(scope, '/', O_RDONLY);
    assert.deepEqual(run(createPump(scope, directory, to.writer.fd)), { stop: PumpStop.sourceError, errno: EISDIR });
    assert.deepEqual(run(createPump(scope, -1, to.writer.fd)), { stop: PumpStop.sourceError, errno: EBADF });
  }));

  test('sinkError: with its errno, and the rest is pending', leakFree((scope) => {
    const from = fifoPair(scope);
    addon.fd_write(from.writer.fd, Buffer.from('rest'));
    const pump = createPump(scope, from.reader.fd, opened(scope, '/dev/full', O_WRONLY));
    assert.deepEqual(run(pump), { stop: PumpStop.sinkError, errno: ENOSPC });
    assert.equal(addon.pump_pending(pump), 4);
    assert.deepEqual(run(pump), { stop: PumpStop.sinkError, errno: ENOSPC });
  }));
});

describe('the life of a pump', () => {
  test('an id that is none: never given, negative, destroyed, and a budget that is none', leakFree((scope) => {
    const { reader, writer } = fifoPair(scope);
    const pump = addon.pump_create(reader.fd, writer.fd);
    assert.equal(addon.pump_run(pump, 0, false), -EINVAL);
    assert.equal(addon.pump_run(pump, -1, false), -EINVAL);
    assert.equal(addon.pump_destroy(pump), 0);
    for (const id of [pump, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      const answers = [addon.pump_run(id, 1, false), addon.pump_bytes(id), addon.pump_pending(id), addon.pump_destroy(id)];
      assert.deepEqual([...answers, addon.pump_last_byte(id)], new Array(5).fill(-EINVAL), `id ${id}`);
    }
  }));

  test('an id that is used again starts anew', leakFree((scope) => {
    const from = fifoPair(scope);
    const to = fifoPair(scope);
    const first = addon.pump_create(from.reader.fd, to.writer.fd);
    addon.fd_write(to.writer.fd, Buffer.alloc(fifoSize));
    addon.fd_write(from.writer.fd, Buffer.from('dropped with the pump'));
    assert.equal(run(first).stop, PumpStop.full);
    addon.pump_destroy(first);
    drain(to.reader.fd);
    const second = createPump(scope, from.reader.fd, to.writer.fd);
    assert.equal(second, first);
    assert.deepEqual([addon.pump_bytes(second), addon.pump_pending(second), addon.pump_last_byte(second)], [0, 0, -1]);
    assert.equal(run(second).stop, PumpStop.empty);
    assert.equal(drain(to.reader.fd).length, 0);
  }));

  test('a hundred pumps, each with a block that waits: none sees the bytes of another', leakFree((scope) => {
    const lives = Array.from({ length: 100 }, (_, seed) => {
      const from = fifoPair(scope);
      const to = fifoPair(scope);
      addon.fd_write(to.writer.fd, Buffer.alloc(fifoSize));
      const sent = pattern(1000 + seed, seed + 1);
      addon.fd_write(from.writer.fd, sent);
      const pump = createPump(scope, from.reader.fd, to.writer.fd);
      assert.equal(run(pump).stop, PumpStop.full);
      return { pump, to, sent };
    });
    for (const { pump } of lives.filter((_, i) => i % 3 === 0)) addon.pump_destroy(pump);
    for (const { pump, to, sent } of lives.filter((_, i) => i % 3 !== 0)) {
      drain(to.reader.fd);
      assert.equal(run(pump).stop, PumpStop.empty);
      assert.ok(drain(to.reader.fd).equals(sent), `pump ${pump} delivered something else`);
    }
  }));

  test('a pump does not own its descriptors', leakFree((scope) => {
    const { reader, writer } = fifoPair(scope);
    addon.pump_destroy(addon.pump_create(reader.fd, writer.fd));
    assert.equal(addon.fd_write(writer.fd, Buffer.from('x')), 1);
  }));

  test('through a pty: what is typed and what is shown, byte for byte', leakFree((scope) => {
    const { master, tty } = openPty(scope);
    const typed = fifoPair(scope);
    const shown = fifoPair(scope);
    const input = createPump(scope, typed.reader.fd, master);
    const output = createPump(scope, master, shown.writer.fd);
    const sent = pattern(3000);
    addon.fd_write(typed.writer.fd, sent);
    assert.equal(run(input).stop, PumpStop.empty);
    const got: Buffer[] = [];
    while (Buffer.concat(got).length < sent.length) got.push(drain(tty.fd));
    assert.ok(Buffer.concat(got).equals(sent));
    addon.fd_write(tty.fd, sent);
    assert.equal(run(output).stop, PumpStop.empty);
    assert.ok(drain(shown.reader.fd).equals(sent));
  }));
});
