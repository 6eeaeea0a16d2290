/*
 * Every wait in termshim goes through this module, and the kernel reuses the number of a descriptor as soon as it is
 * closed. What could break: an event reaches the wrong listener; an event is lost, and an edge-triggered event is never
 * repeated; or a set keeps a process alive, or a core busy, with nothing to wait for. The tests force each case with
 * FIFOs and real processes.
 */
import assert from 'node:assert/strict';
import { constants, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { addon } from '../../src/native/addon.js';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, type Watch, watch } from '../../src/os/epoll.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { fifoPair } from '../helpers/copy/fifo-pair.js';
import { runFixture } from '../helpers/base/fixture.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor } from '../helpers/base/wait-for.js';

const x = Buffer.from('x');

/** Events that came, and a watch that ends with the test. */
function record(scope: Scope, fd: number, events: number): { readonly told: number[]; readonly watching: Watch } {
  const told: number[] = [];
  const watching = watch(fd, events, (bits) => told.push(bits));
  assert.ok(watching);
  scope.after(() => watching.close());
  return { told, watching };
}

/** All events of the turns that are due have been told when this resolves: two polls have come and gone. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('the listener of a watch', () => {
  leakTest('is called for events that are already true, then for each new edge', async (scope) => {
    const { reader, writer } = fifoPair(scope);
    addon.fd_write(writer.fd, x);
    const { told } = record(scope, reader.fd, EPOLLIN);
    await waitFor(() => told.length === 1, 'the event that held already');
    await settled();
    assert.deepEqual(told, [EPOLLIN], 'it is told once, though nothing was read');
    addon.fd_write(writer.fd, x);
    await waitFor(() => told.length === 2, 'the new edge');
    writer.close();
    await waitFor(() => told.length === 3, 'the hang-up');
    assert.deepEqual(told, [EPOLLIN, EPOLLIN, EPOLLIN | EPOLLHUP]);
  });

  leakTest('is called for a writer when there is room, and when the reader closes', async (scope) => {
    const { reader, writer } = fifoPair(scope);
    const { told } = record(scope, writer.fd, EPOLLOUT);
    await waitFor(() => told.length === 1, 'room');
    addon.fd_write(writer.fd, new Uint8Array(65536));
    addon.fd_discard(reader.fd, 65536);
    await waitFor(() => told.length === 2, 'room again');
    reader.close();
    await waitFor(() => told.length === 3, 'the error');
    assert.deepEqual(told, [EPOLLOUT, EPOLLOUT, EPOLLOUT | EPOLLERR]);
  });

  leakTest('is never called synchronously', (scope) => {
    const { writer } = fifoPair(scope);
    const { told } = record(scope, writer.fd, EPOLLOUT);
    assert.deepEqual(told, []);
  });

  leakTest('is called after change for the new events, also for those that are already true', async (scope) => {
    const { reader, writer } = fifoPair(scope);
    addon.fd_write(writer.fd, x);
    const { told, watching } = record(scope, reader.fd, EPOLLOUT);
    await settled();
    assert.deepEqual(told, []);
    watching.change(EPOLLIN);
    await waitFor(() => told.length === 1, 'what holds');
    watching.change(EPOLLIN);
    await waitFor(() => told.length === 2, 'the same again');
  });

  leakTest('is called once for each of three hundred events, which are more than one batch', async (scope) => {
    const counts = new Map<number, number>();
    for (let i = 0; i < 300; i++) {
      const { reader, writer } = fifoPair(scope);
      addon.fd_write(writer.fd, x);
      const watching = watch(reader.fd, EPOLLIN, () => counts.set(i, (counts.get(i) ?? 0) + 1));
      scope.after(() => watching?.close());
    }
    await waitFor(() => counts.size === 300, 'all of them');
    await settled();
    assert.deepEqual(new Set(counts.values()), new Set([1]));
  });
});

describe('a closed watch', () => {
  leakTest('may be closed again, and may be closed in its own listener', async (scope) => {
    const { reader, writer } = fifoPair(scope);
    let count = 0;
    const watching = watch(reader.fd, EPOLLIN, () => {
      count++;
      watching?.close();
      watching?.close();
    });
    addon.fd_write(writer.fd, x);
    await waitFor(() => count === 1, 'the event');
    addon.fd_write(writer.fd, x);
    await settled();
    assert.equal(count, 1);
    const { told } = record(scope, reader.fd, EPOLLIN);
    watching?.close();
    await waitFor(() => told.length === 1, 'the event of the next watch, which the closed one must not end');
  });

  leakTest('does not change the next watch of its descriptor', async (scope) => {
    const { reader, writer } = fifoPair(scope);
    const first = record(scope, reader.fd, EPOLLIN);
    first.watching.close();
    const second = record(scope, reader.fd, EPOLLIN);
    first.watching.change(EPOLLOUT);
    addon.fd_write(writer.fd, x);
    await waitFor(() => second.told.length === 1, 'the event of the second', 1000);
    assert.deepEqual(first.told, []);
  });

  leakTest('gets no event of the same batch, and neither does the next user of its number', async (scope) => {
    const pairs = [fifoPair(scope), fifoPair(scope)];
    const log: string[] = [];
    const watches = pairs.map(({ reader }, i) =>
      watch(reader.fd, EPOLLIN, () => {
        log.push(`event of ${i}`);
        const other = pairs[1 - i] as (typeof pairs)[number];
        const number = other.reader.fd;
        watches[1 - i]?.close();
        other.reader.close();
        const next = OwnedFd.open(other.path, constants.O_RDWR | constants.O_NONBLOCK, 'the next user of the number');
        scope.after(() => next.close());
        addon.fd_discard(next.fd, 10);
        assert.equal(next.fd, number);
        const watching = watch(next.fd, EPOLLIN, () => log.push('event of the next user'));
        scope.after(() => watching?.close());
      }),
    );
    for (const watching of watches) scope.after(() => watching?.close());
    for (const { writer } of pairs) addon.fd_write(writer.fd, x);
    await waitFor(() => log.length > 0, 'the first event');
    await settled();
    assert.equal(log.length, 1, log.join(', '));
  });

  leakTest('frees its slot, which can be used a thousand times without stray events', async (scope) => {
    const { reader, writer } = fifoPair(scope);
    addon.fd_write(writer.fd, x);
    let strays = 0;
    for (let i = 0; i < 1000; i++) watch(reader.fd, EPOLLIN, () => strays++)?.close();
    const { told } = record(scope, reader.fd, EPOLLIN);
    await waitFor(() => told.length === 1, 'the event of the last');
    assert.equal(strays, 0);
  });
});

describe('watch', () => {
  leakTest('returns undefined for a regular file, a directory and /dev/null, which are always ready', (scope) => {
    const directory = temporaryDirectory(scope);
    writeFileSync(join(directory, 'file'), '');
    for (const path of [directory, join(directory, 'file'), '/dev/null']) {
      const file = OwnedFd.open(path, constants.O_RDONLY, path);
      assert.equal(
        watch(file.fd, EPOLLIN, () => {}),
        undefined,
      );
      file.close();
    }
  });

  leakTest('throws for a closed descriptor and for one that is already watched', (scope) => {
    const { reader } = fifoPair(scope);
    record(scope, reader.fd, EPOLLIN);
    const attempted = { name: 'TermshimError', code: 'ERR_SYSTEM', syscall: 'epoll_ctl' };
    assert.throws(() => watch(reader.fd, EPOLLIN, () => {}), { ...attempted, errno: 'EEXIST' });
    assert.throws(() => watch(1_000_000, EPOLLIN, () => {}), { ...attempted, errno: 'EBADF' });
  });

  leakTest('frees the slot if it fails', async (scope) => {
    for (let i = 0; i < 10; i++) assert.throws(() => watch(1_000_000, EPOLLIN, () => {}));
    const { writer } = fifoPair(scope);
    const { told } = record(scope, writer.fd, EPOLLOUT);
    await waitFor(() => told.length === 1, 'the event');
  });
});

describe('an exception in a listener', () => {
  test('is an uncaught exception, and later batches are still delivered', async () => {
    const { code, signal, stdout, stderr } = await runFixture('os/epoll-listener-throws', ['next batch']);
    assert.deepEqual(
      { code, signal, stdout, stderr },
      { code: 0, signal: null, stdout: 'caught oops\nlater\n', stderr: '' },
    );
  });

  test('does not stop the other events of its batch', async () => {
    const { stdout, stderr } = await runFixture('os/epoll-listener-throws', ['same batch']);
    assert.deepEqual([stdout.split('\n').toSorted(), stderr], [['', 'caught oops', 'other'], '']);
  });

  test('ends the process if it is not handled', async () => {
    const { code, signal, stderr } = await runFixture('os/epoll-listener-throws', ['uncaught']);
    assert.deepEqual({ code, signal }, { code: 1, signal: null });
    assert.match(stderr, /Error: oops/);
  });

  test('that is an async function is an unhandled rejection', async () => {
    const { stdout } = await runFixture('os/epoll-listener-throws', ['rejection']);
    assert.equal(stdout, 'rejected oops\nlater\n');
  });
});

describe('the process', () => {
  for (const prefix of ['nothing watched', 'watch closed', 'all of many closed']) {
    test(`ends with ${prefix}`, async () => {
      const outcome = await runFixture('os/epoll-process-ends', [prefix], { timeout: 5000 });
      assert.deepEqual(outcome, { code: 0, signal: null, stdout: '', stderr: '' });
    });
  }

  test('stays alive for a watch until its event', async () => {
    const outcome = await runFixture('os/epoll-process-ends', ['waiting for a child'], { timeout: 5000 });
    assert.deepEqual(outcome, { code: 0, signal: null, stdout: 'the event came\n', stderr: '' });
  });
});
