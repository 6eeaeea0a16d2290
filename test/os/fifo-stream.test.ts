/*
 * A FIFO is what lies between us and a client, and clients come late, leave early, or never come. An open that blocked
 * would freeze a thread of libuv's pool; a writer that opened without a reader would lose what a short process wrote; a
 * holder that was forgotten would hide the end. So each end is opened against every state of the other side, with real
 * readers in other processes, and every prefix of a life must leave no descriptor.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { addon } from '../../src/native/addon.js';
import { EPOLLHUP, EPOLLIN, watch } from '../../src/os/epoll.js';
import { FifoReader, FifoWriter, createFifo } from '../../src/os/fifo-stream.js';
import { type Scope, leakFree } from '../helpers/leak-free.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { waitFor, within } from '../helpers/wait-for.js';

const EAGAIN = 11;
const invalid = { name: 'TermshimError', code: 'ERR_FIFO_INVALID' };

function newFifo(scope: Scope): string {
  const path = join(temporaryDirectory(scope), 'fifo');
  createFifo(path);
  return path;
}

function openReader(scope: Scope, path: string): FifoReader {
  const reader = FifoReader.open(path);
  scope.after(() => reader.close());
  return reader;
}

async function openWriter(scope: Scope, path: string, timeoutMs = 5000): Promise<FifoWriter> {
  const writer = await FifoWriter.open(path, { timeoutMs });
  scope.after(() => writer.close());
  return writer;
}

function read(reader: FifoReader): string | number {
  const block = Buffer.alloc(4096);
  const got = addon.fd_read(reader.fd, block);
  return got < 0 ? got : block.toString('utf8', 0, got);
}

const write = (writer: FifoWriter, data: string): number => addon.fd_write(writer.fd, Buffer.from(data));

test('createFifo: only this user can open it, and it does not take over what is there', leakFree((scope) => {
  const path = join(temporaryDirectory(scope), 'fifo');
  createFifo(path);
  assert.ok(statSync(path).isFIFO());
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const attempted = { code: 'ERR_SYSTEM', errno: 'EEXIST', syscall: 'mkfifo' };
  assert.throws(() => createFifo(path), { ...attempted, message: new RegExp(path) });
}));

describe('no FIFO at the path', () => {
  const places: Readonly<Record<string, (directory: string) => string>> = {
    'nothing': (directory) => join(directory, 'none'),
    'nothing, in a directory that is none': (directory) => join(directory, 'none/none'),
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
    test(`${what}: neither end opens, and the error names the path`, leakFree(async (scope) => {
      const path = place(temporaryDirectory(scope));
      const isTold = (error: Error): boolean => error.name === 'TermshimError' && error.message.includes(path);
      assert.throws(() => FifoReader.open(path), isTold);
      await assert.rejects(FifoWriter.open(path, { timeoutMs: 1000 }), isTold);
    }));
  }

  test('a symbolic link to a FIFO is followed', leakFree(async (scope) => {
    const path = newFifo(scope);
    symlinkSync('fifo', `${path}-link`);
    const reader = openReader(scope, `${path}-link`);
    write(await openWriter(scope, path), 'x');
    assert.equal(read(reader), 'x');
  }));
});

describe('FifoReader', () => {
  test('opens at once; a FIFO that nobody writes is not at its end', leakFree(async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    const events: number[] = [];
    const watching = watch(reader.fd, EPOLLIN, (bits) => events.push(bits));
    scope.after(() => watching?.close());
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(events.length, 0, 'only an event makes a read of 0 the end');
    const writer = await openWriter(scope, reader.path);
    assert.equal(read(reader), -EAGAIN);
    write(writer, 'hello');
    assert.equal(read(reader), 'hello');
    writer.close();
    await waitFor(() => events.includes(EPOLLHUP), 'the hang-up');
    assert.equal(read(reader), '');
  }));

  test('hold: the end comes only after release', leakFree(async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    reader.hold();
    reader.hold();
    for (const word of ['first', 'second']) {
      const writer = await openWriter(scope, reader.path);
      write(writer, word);
      writer.close();
      assert.equal(read(reader), word);
      assert.equal(read(reader), -EAGAIN);
    }
    reader.release();
    reader.release();
    assert.equal(read(reader), '');
  }));

  test('hold reaches its own FIFO, even when the path is another’s by now', leakFree(async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    renameSync(reader.path, `${reader.path}-moved`);
    createFifo(reader.path);
    reader.hold();
    assert.equal(read(reader), -EAGAIN, 'held');
    reader.release();
    rmSync(`${reader.path}-moved`);
    reader.hold();
    assert.equal(read(reader), -EAGAIN, 'held without any path');
  }));
});

describe('FifoWriter.open', () => {
  test('finds a reader that is there', leakFree(async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    write(await openWriter(scope, reader.path), 'hello');
    assert.equal(read(reader), 'hello');
  }));

  test('finds a reader that waits in open(2)', leakFree(async (scope) => {
    const path = newFifo(scope);
    const child = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'ignore'] });
    const writer = await openWriter(scope, path);
    write(writer, 'hello');
    writer.close();
    assert.equal(await within(text(child.stdout), 'the reader'), 'hello');
  }));

  test('waits for a reader that opens late', leakFree(async (scope) => {
    const path = newFifo(scope);
    const opening = FifoWriter.open(path, { timeoutMs: 0 });
    let isOpen = false;
    void opening.then(() => (isOpen = true));
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(isOpen, false);
    const child = spawn('sh', ['-c', 'sleep 0.05; cat "$0"', path], { stdio: ['ignore', 'pipe', 'ignore'] });
    const writer = await within(opening, 'the late reader');
    write(writer, 'hello');
    writer.close();
    assert.equal(await within(text(child.stdout), 'the reader'), 'hello');
  }));

  test('gives up after the time, and names the path and the time', leakFree(async (scope) => {
    const path = newFifo(scope);
    const start = performance.now();
    await assert.rejects(FifoWriter.open(path, { timeoutMs: 120 }), (error: Error & { code: string }) => {
      assert.equal(error.code, 'ERR_FIFO_TIMEOUT');
      assert.ok(error.message.includes(path) && error.message.includes('0.12 s'), error.message);
      return true;
    });
    const elapsed = performance.now() - start;
    assert.ok(elapsed >= 119 && elapsed < 1000, `${elapsed} ms`);
  }));

  test('a signal that aborts while it waits ends it with the reason', leakFree(async (scope) => {
    const path = newFifo(scope);
    const aborting = new AbortController();
    const reason = new Error('enough');
    const opening = FifoWriter.open(path, { timeoutMs: 0, signal: aborting.signal });
    setTimeout(() => aborting.abort(reason), 30);
    await assert.rejects(within(opening, 'the abort'), (error) => error === reason);
  }));

  test('a signal that has aborted already opens nothing, not even where a reader is', leakFree(async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    const reason = new Error('enough');
    const opening = FifoWriter.open(reader.path, { timeoutMs: 0, signal: AbortSignal.abort(reason) });
    await assert.rejects(opening, (error) => error === reason);
  }));

  test('a path that becomes another file while it waits is refused', leakFree(async (scope) => {
    const path = newFifo(scope);
    const opening = FifoWriter.open(path, { timeoutMs: 5000 });
    opening.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    rmSync(path);
    writeFileSync(path, '');
    await assert.rejects(within(opening, 'the refusal'), invalid);
    assert.equal(statSync(path).size, 0);
  }));

  test('a path that vanishes while it waits is refused', leakFree(async (scope) => {
    const path = newFifo(scope);
    const opening = FifoWriter.open(path, { timeoutMs: 5000 });
    opening.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    rmSync(path);
    await assert.rejects(within(opening, 'the refusal'), invalid);
  }));

  test('twenty wait at once, and no thread is parked: the file system still answers', leakFree(async (scope) => {
    const { readFile } = await import('node:fs/promises');
    const abortings = Array.from({ length: 20 }, () => new AbortController());
    const openings = abortings.map(({ signal }) => FifoWriter.open(newFifo(scope), { timeoutMs: 0, signal }));
    await within(readFile('/proc/self/stat'), 'the file system', 2000);
    for (const aborting of abortings) aborting.abort();
    for (const outcome of await Promise.allSettled(openings)) assert.equal(outcome.status, 'rejected');
  }));
});

describe('FifoWriter', () => {
  test('hasReader: somebody else, not our own holder', leakFree(async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    const writer = await openWriter(scope, reader.path);
    assert.equal(writer.hasReader(), true);
    writer.hold();
    assert.equal(writer.hasReader(), true);
    write(writer, 'kept');
    reader.close();
    assert.equal(writer.hasReader(), false);
    assert.equal(writer.isHeld, true, 'and it is still held');
    const next = openReader(scope, reader.path);
    assert.equal(writer.hasReader(), true);
    assert.equal(read(next), 'kept', 'the question loses nothing');
  }));

  test('hold: it fills up instead of breaking; release: it breaks', leakFree(async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    const writer = await openWriter(scope, reader.path);
    writer.hold();
    writer.hold();
    reader.close();
    assert.equal(write(writer, 'x'.repeat(65536)), 65536);
    assert.equal(write(writer, 'x'), -EAGAIN);
    assert.equal(writer.unreadBytes, 65536);
    writer.release();
    assert.equal(write(writer, 'x'), -32);
    writer.release();
  }));

  test('dropOldest: from the front, while it is held', leakFree(async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    const writer = await openWriter(scope, reader.path);
    write(writer, '0123456789');
    assert.equal(writer.dropOldest(5), 0, 'not held');
    writer.hold();
    assert.equal(writer.dropOldest(4), 4);
    assert.equal(read(reader), '456789');
    assert.equal(writer.dropOldest(4), 0, 'empty');
  }));

  test('what was written stays for the reader after close', leakFree(async (scope) => {
    const reader = openReader(scope, newFifo(scope));
    const writer = await openWriter(scope, reader.path);
    write(writer, 'rest');
    writer.close();
    assert.equal(read(reader), 'rest');
    assert.equal(read(reader), '');
  }));
});

describe('every prefix of a life leaves nothing', () => {
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
    test(`reader ${what}`, leakFree((scope) => {
      const reader = FifoReader.open(newFifo(scope));
      live(reader);
      reader.close();
      reader.close();
    }));
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
    test(`writer ${what}`, leakFree(async (scope) => {
      const reader = openReader(scope, newFifo(scope));
      const writer = await FifoWriter.open(reader.path, { timeoutMs: 1000 });
      live(writer);
      writer.close();
      writer.close();
      assert.throws(() => writer.fd, { code: 'ERR_SYSTEM', errno: 'EBADF' });
    }));
  }
});

test('a directory in the way of createFifo', leakFree((scope) => {
  const path = join(temporaryDirectory(scope), 'directory');
  mkdirSync(path);
  assert.throws(() => createFifo(path), { code: 'ERR_SYSTEM', errno: 'EEXIST' });
}));
