/*
 * FIFOs connect the daemon with its clients, which come late, leave early, or never come. An open that blocks would
 * stop a thread of libuv's pool; a writer that is opened without a reader would lose the output of a short process; a
 * holder that is never released would hide the end. The tests open each end in every state of the other side, with real
 * readers in other processes; no sequence of calls may leave a descriptor.
 */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { EPOLLHUP, EPOLLIN, watch } from '../../src/os/epoll.js';
import { FifoReader, FifoWriter, createFifo } from '../../src/os/fifo.js';
import { newFifo, openReader, openWriter, readOnce, writeOnce } from '../helpers/copy/fifo-ends.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor } from '../helpers/base/wait-for.js';

const EAGAIN = 11;

leakTest('createFifo makes a FIFO that only this user can open, and refuses an existing path', (scope) => {
  const path = join(temporaryDirectory(scope), 'fifo');
  createFifo(path);
  assert.ok(statSync(path).isFIFO());
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const attempted = { code: 'ERR_SYSTEM', errno: 'EEXIST', syscall: 'mkfifo' };
  assert.throws(() => createFifo(path), { ...attempted, message: new RegExp(path) });
});

describe('opening either end', () => {
  const places: Readonly<Record<string, (directory: string) => string>> = {
    nothing: (directory) => join(directory, 'none'),
    'a path in a directory that does not exist': (directory) => join(directory, 'none/none'),
    'a directory': (directory) => directory,
    'a regular file': (directory) => {
      writeFileSync(join(directory, 'file'), '');
      return join(directory, 'file');
    },
    'a path through a file': (directory) => {
      writeFileSync(join(directory, 'file'), '');
      return join(directory, 'file/fifo');
    },
    'a device': () => '/dev/null',
    'a symbolic link that leads to itself': (directory) => {
      symlinkSync('loop', join(directory, 'loop'));
      return join(directory, 'loop');
    },
    'a name that is too long': (directory) => join(directory, 'x'.repeat(300)),
  };
  for (const [what, place] of Object.entries(places)) {
    leakTest(`fails for ${what}, and the error names the path`, async (scope) => {
      const path = place(temporaryDirectory(scope));
      const isTold = (error: Error): boolean => error.name === 'TermshimError' && error.message.includes(path);
      assert.throws(() => FifoReader.open(path), isTold);
      await assert.rejects(FifoWriter.open(path, { timeoutMs: 1000 }), isTold);
    });
  }

  leakTest('follows a symbolic link to a FIFO', async (scope) => {
    const path = newFifo(scope);
    symlinkSync('fifo', `${path}-link`);
    const reader = openReader(scope, `${path}-link`);
    writeOnce(await openWriter(scope, path), 'x');
    assert.equal(readOnce(reader), 'x');
  });
});

describe('FifoReader', () => {
  leakTest('opens at once, and is not at the end of a FIFO without a writer', async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    const events: number[] = [];
    const watching = watch(reader.fd, EPOLLIN, (bits) => events.push(bits));
    scope.after(() => watching?.close());
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(events.length, 0, 'only an event makes a read of 0 the end');
    const writer = await openWriter(scope, reader.path);
    assert.equal(readOnce(reader), -EAGAIN);
    writeOnce(writer, 'hello');
    assert.equal(readOnce(reader), 'hello');
    writer.close();
    await waitFor(() => events.includes(EPOLLHUP), 'the hang-up');
    assert.equal(readOnce(reader), '');
  });

  leakTest('delays the end from hold to release', async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    reader.hold();
    reader.hold();
    for (const word of ['first', 'second']) {
      const writer = await openWriter(scope, reader.path);
      writeOnce(writer, word);
      writer.close();
      assert.equal(readOnce(reader), word);
      assert.equal(readOnce(reader), -EAGAIN);
    }
    reader.release();
    reader.release();
    assert.equal(readOnce(reader), '');
  });

  leakTest('holds its own FIFO even if the path names another one by then', async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    renameSync(reader.path, `${reader.path}-moved`);
    createFifo(reader.path);
    reader.hold();
    assert.equal(readOnce(reader), -EAGAIN, 'held');
    reader.release();
    rmSync(`${reader.path}-moved`);
    reader.hold();
    assert.equal(readOnce(reader), -EAGAIN, 'held without any path');
  });
});

describe('FifoWriter', () => {
  leakTest('does not count its own holder as a reader', async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    const writer = await openWriter(scope, reader.path);
    assert.equal(writer.hasReader(), true);
    writer.hold();
    assert.equal(writer.hasReader(), true);
    writeOnce(writer, 'kept');
    reader.close();
    assert.equal(writer.hasReader(), false);
    assert.equal(writer.isHeld, true, 'and it is still held');
    const next = openReader(scope, reader.path);
    assert.equal(writer.hasReader(), true);
    assert.equal(readOnce(next), 'kept', 'the question loses nothing');
  });

  leakTest('fills a held FIFO, and gets EPIPE after release', async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    const writer = await openWriter(scope, reader.path);
    writer.hold();
    writer.hold();
    reader.close();
    assert.equal(writeOnce(writer, 'x'.repeat(65536)), 65536);
    assert.equal(writeOnce(writer, 'x'), -EAGAIN);
    assert.equal(writer.unreadBytes, 65536);
    writer.release();
    assert.equal(writeOnce(writer, 'x'), -32);
    writer.release();
  });

  leakTest('drops the oldest bytes of a held FIFO by dropOldest', async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    const writer = await openWriter(scope, reader.path);
    writeOnce(writer, '0123456789');
    assert.equal(writer.dropOldest(5), 0, 'not held');
    writer.hold();
    assert.equal(writer.dropOldest(4), 4);
    assert.equal(readOnce(reader), '456789');
    assert.equal(writer.dropOldest(4), 0, 'empty');
  });

  leakTest('leaves the written bytes for the reader after close', async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    const writer = await openWriter(scope, reader.path);
    writeOnce(writer, 'rest');
    writer.close();
    assert.equal(readOnce(reader), 'rest');
    assert.equal(readOnce(reader), '');
  });
});

describe('no descriptor is left by', () => {
  const readers: Readonly<Record<string, (reader: FifoReader) => void>> = {
    opened: () => {},
    held: (reader) => reader.hold(),
    released: (reader) => {
      reader.hold();
      reader.release();
    },
    'closed already': (reader) => reader.close(),
  };
  for (const [what, live] of Object.entries(readers)) {
    leakTest(`a reader that was ${what}`, (scope) => {
      const reader = FifoReader.open(newFifo(scope));
      live(reader);
      reader.close();
      reader.close();
    });
  }
  const writers: Readonly<Record<string, (writer: FifoWriter) => void>> = {
    opened: () => {},
    held: (writer) => writer.hold(),
    released: (writer) => {
      writer.hold();
      writer.release();
    },
    'asked for a reader': (writer) => {
      writer.hold();
      writer.hasReader();
    },
    'closed already': (writer) => writer.close(),
  };
  for (const [what, live] of Object.entries(writers)) {
    leakTest(`a writer that was ${what}`, async (scope) => {
      const reader = openReader(scope, newFifo(scope));
      const writer = await FifoWriter.open(reader.path, { timeoutMs: 1000 });
      live(writer);
      writer.close();
      writer.close();
      assert.throws(() => writer.fd, { code: 'ERR_SYSTEM', errno: 'EBADF' });
    });
  }
});

leakTest('createFifo fails if a directory is in the way', (scope) => {
  const path = join(temporaryDirectory(scope), 'directory');
  mkdirSync(path);
  assert.throws(() => createFifo(path), { code: 'ERR_SYSTEM', errno: 'EEXIST' });
});
