/*
 * Only a pump reads and writes the bytes of a session, and its answer is all that JavaScript knows about them. The
 * tests force each answer with the kernel object that causes it. In each case the bytes before the stop must have
 * arrived, and the bytes after it must wait.
 */
import assert from 'node:assert/strict';
import { constants as fs } from 'node:fs';
import { constants } from 'node:os';
import { describe } from 'node:test';
import { PumpStop, addon } from '../../src/native/addon.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { fifoPair } from '../helpers/copy/fifo-pair.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { pattern } from '../helpers/copy/pattern.js';
import { createPump, fifoBytes, openFile, openRawPty, readAll, runPump } from '../helpers/copy/pump.js';

const { EBADF, EISDIR, ENOSPC } = constants.errno;
const { O_RDONLY, O_WRONLY, O_NOCTTY, O_NONBLOCK } = fs;

describe('a pump stops for the reason', () => {
  for (const toTheEnd of [false, true]) {
    leakTest(`empty, if it has moved all bytes (toTheEnd ${toTheEnd})`, (scope) => {
      const from = fifoPair(scope);
      const to = fifoPair(scope);
      const pump = createPump(scope, from.reader.fd, to.writer.fd);
      assert.deepEqual(runPump(pump, undefined, toTheEnd), { stop: PumpStop.empty, errno: 0 });
      assert.equal(addon.pump_last_byte(pump), -1);
      addon.fd_write(from.writer.fd, Buffer.from('hello'));
      assert.deepEqual(runPump(pump, undefined, toTheEnd), { stop: PumpStop.empty, errno: 0 });
      assert.equal(readAll(to.reader.fd).toString(), 'hello');
      assert.equal(addon.pump_bytes(pump), 5);
      assert.equal(addon.pump_last_byte(pump), 'o'.charCodeAt(0));
    });
  }

  leakTest('end, if the writer of a FIFO has closed it, after all its bytes', (scope) => {
    const from = fifoPair(scope);
    const to = fifoPair(scope);
    const pump = createPump(scope, from.reader.fd, to.writer.fd);
    addon.fd_write(from.writer.fd, Buffer.from('last words'));
    from.writer.close();
    assert.equal(runPump(pump).stop, PumpStop.end);
    assert.equal(readAll(to.reader.fd).toString(), 'last words');
    assert.equal(runPump(pump).stop, PumpStop.end, 'and it says so again');
  });

  leakTest('hangup, if no tty of the master is open, after all bytes', (scope) => {
    const { master, tty } = openRawPty(scope);
    const to = fifoPair(scope);
    const pump = createPump(scope, master, to.writer.fd);
    addon.fd_write(tty.fd, Buffer.from('last words'));
    tty.close();
    assert.equal(runPump(pump).stop, PumpStop.hangup);
    assert.equal(readAll(to.reader.fd).toString(), 'last words');
  });

  leakTest(
    'full, if the sink is full, after reading at most one block, and moves the block when there is room',
    (scope) => {
      const from = fifoPair(scope);
      const to = fifoPair(scope);
      const pump = createPump(scope, from.reader.fd, to.writer.fd);
      const [first, second, third] = [pattern(fifoBytes, 1), pattern(fifoBytes, 2), pattern(fifoBytes, 3)] as const;
      addon.fd_write(from.writer.fd, first);
      assert.equal(runPump(pump).stop, PumpStop.empty);
      addon.fd_write(from.writer.fd, second);
      assert.deepEqual(runPump(pump), { stop: PumpStop.full, errno: 0 });
      assert.equal(addon.pump_pending(pump), fifoBytes);
      assert.equal(addon.fd_write(from.writer.fd, third), fifoBytes);
      assert.equal(runPump(pump).stop, PumpStop.full, 'a full sink stops the source');
      assert.equal(addon.fd_unread(from.reader.fd), fifoBytes);
      assert.ok(readAll(to.reader.fd).equals(first));
      assert.equal(runPump(pump).stop, PumpStop.full);
      assert.ok(readAll(to.reader.fd).equals(second));
      assert.equal(runPump(pump).stop, PumpStop.empty);
      assert.equal(addon.pump_pending(pump), 0);
      assert.ok(readAll(to.reader.fd).equals(third));
      assert.equal(addon.pump_bytes(pump), 3 * fifoBytes);
    },
  );

  leakTest('full, if the sink accepts a part of a block', (scope) => {
    const from = fifoPair(scope);
    const to = fifoPair(scope);
    const pump = createPump(scope, from.reader.fd, to.writer.fd);
    addon.fd_write(to.writer.fd, Buffer.alloc(fifoBytes - 3 * 4096));
    const sent = pattern(5 * 4096);
    addon.fd_write(from.writer.fd, sent);
    assert.equal(runPump(pump).stop, PumpStop.full);
    assert.equal(addon.pump_pending(pump), 2 * 4096);
    assert.equal(addon.pump_bytes(pump), 3 * 4096);
    assert.equal(addon.pump_last_byte(pump), sent[3 * 4096 - 1]);
    const before = readAll(to.reader.fd).subarray(fifoBytes - 3 * 4096);
    assert.equal(runPump(pump).stop, PumpStop.empty);
    assert.ok(Buffer.concat([before, readAll(to.reader.fd)]).equals(sent));
  });

  leakTest('full, if the source has ended meanwhile, and end when the rest is moved', (scope) => {
    const from = fifoPair(scope);
    const to = fifoPair(scope);
    const pump = createPump(scope, from.reader.fd, to.writer.fd);
    addon.fd_write(to.writer.fd, Buffer.alloc(fifoBytes));
    addon.fd_write(from.writer.fd, Buffer.from('rest'));
    from.writer.close();
    assert.equal(runPump(pump).stop, PumpStop.full);
    readAll(to.reader.fd);
    assert.equal(runPump(pump).stop, PumpStop.end);
    assert.equal(readAll(to.reader.fd).toString(), 'rest');
  });

  leakTest('broken, if the reader has closed the FIFO, and can move the rest to the next reader', (scope) => {
    const from = fifoPair(scope);
    const to = fifoPair(scope);
    const pump = createPump(scope, from.reader.fd, to.writer.fd);
    to.reader.close();
    addon.fd_write(from.writer.fd, Buffer.from('for later'));
    assert.deepEqual(runPump(pump), { stop: PumpStop.broken, errno: 0 });
    assert.equal(addon.pump_pending(pump), 9);
    const next = openFile(scope, to.path, O_RDONLY | O_NONBLOCK);
    assert.equal(runPump(pump).stop, PumpStop.empty);
    assert.equal(readAll(next).toString(), 'for later');
  });

  leakTest('broken, if the master of a tty is closed', (scope) => {
    const from = fifoPair(scope);
    const master = new OwnedFd(addon.tty_open_master(), 'the master of a test');
    const tty = openFile(scope, `/dev/pts/${addon.tty_pts_number(master.fd)}`, O_WRONLY | O_NOCTTY | O_NONBLOCK);
    master.close();
    addon.fd_write(from.writer.fd, Buffer.from('x'));
    assert.equal(runPump(createPump(scope, from.reader.fd, tty)).stop, PumpStop.broken);
  });

  leakTest('budget, if a run of a microsecond is over, after moving some bytes', (scope) => {
    const { master, tty } = openRawPty(scope);
    const to = fifoPair(scope);
    const pump = createPump(scope, master, to.writer.fd);
    const typed = pattern(20_000);
    const sent = typed.subarray(0, addon.fd_write(tty.fd, typed));
    assert.ok(sent.length > 2 * 4095, 'more than two reads');
    let runs = 0;
    for (let moved = -1; runPump(pump, 1).stop === PumpStop.budget; runs++) {
      assert.ok(addon.pump_bytes(pump) > moved, 'a run moved nothing, and asks for another');
      moved = addon.pump_bytes(pump);
    }
    assert.ok(runs > 0, 'the budget never ended a run');
    assert.ok(readAll(to.reader.fd).equals(sent));
  });

  leakTest('budget, if the source never ends, after a bounded time', (scope) => {
    const pump = createPump(scope, openFile(scope, '/dev/zero', O_RDONLY), openFile(scope, '/dev/null', O_WRONLY));
    const start = performance.now();
    assert.equal(runPump(pump, 2000).stop, PumpStop.budget);
    const elapsed = performance.now() - start;
    assert.ok(addon.pump_bytes(pump) > 0);
    assert.ok(elapsed >= 2 && elapsed < 100, `${elapsed} ms for a budget of 2 ms`);
  });

  leakTest('sourceError, with its errno', (scope) => {
    const to = fifoPair(scope);
    const directory = openFile(scope, '/', O_RDONLY);
    assert.deepEqual(runPump(createPump(scope, directory, to.writer.fd)), {
      stop: PumpStop.sourceError,
      errno: EISDIR,
    });
    assert.deepEqual(runPump(createPump(scope, -1, to.writer.fd)), { stop: PumpStop.sourceError, errno: EBADF });
  });

  leakTest('sinkError, with its errno, and keeps the rest', (scope) => {
    const from = fifoPair(scope);
    addon.fd_write(from.writer.fd, Buffer.from('rest'));
    const pump = createPump(scope, from.reader.fd, openFile(scope, '/dev/full', O_WRONLY));
    assert.deepEqual(runPump(pump), { stop: PumpStop.sinkError, errno: ENOSPC });
    assert.equal(addon.pump_pending(pump), 4);
    assert.deepEqual(runPump(pump), { stop: PumpStop.sinkError, errno: ENOSPC });
  });
});
