/*
 * These are the raw epoll functions, without the owner that os/epoll.ts gives them. If a set could be created twice, if
 * an event were reported twice, or if each event caused its own call of JavaScript, most tests of the higher layers
 * would still pass. This process uses only the addon, so the one set of its environment belongs to the test.
 */
import assert from 'node:assert/strict';
import { constants as fs, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { addon, PumpStop } from '../../src/native/addon.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { O_CLOEXEC, fdFlags, openDescriptors } from '../helpers/base/descriptors.js';
import { type FifoPair, fifoPair } from '../helpers/copy/fifo-pair.js';
import type { Scope } from '../helpers/base/leak-free.js';
import { createPump, fifoBytes, readAll, runPump } from '../helpers/copy/pump.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor } from '../helpers/base/wait-for.js';

const { EBADF, EEXIST, EINVAL, ENOENT, EPERM } = constants.errno;
const EPOLLIN = 1;
const EPOLLOUT = 4;
const EPOLLHUP = 16;
const room = 8;
const plentyUs = 1_000_000;
const events = new Uint32Array(4 * room);
/** Each event as (slot, generation, events), with the pump's answer behind if one served it. */
let batches: number[][][] = [];

function onEvents(count: number): void {
  const entry = (i: number): number[] => [...events.subarray(4 * i, 4 * i + 4)];
  batches.push(Array.from({ length: count }, (_, i) => entry(i).filter((value) => value !== 2 ** 32 - 1)));
}

before(() => {
  assert.equal(addon.epoll_add(0, EPOLLIN, 0, 0), -EBADF, 'there is no set yet');
  assert.equal(addon.epoll_modify(0, EPOLLIN, 0, 0), -EBADF);
  assert.equal(addon.epoll_remove(0), -EBADF);
  assert.equal(addon.epoll_serve(0, 0, 1), -EBADF);
  assert.equal(addon.epoll_ref(true), -EBADF);
  const old = openDescriptors();
  assert.equal(addon.epoll_create(events, onEvents), 0);
  const made = openDescriptors().filter((entry) => !old.includes(entry));
  assert.match(made.join(), /^\d+ -> anon_inode:\[eventpoll\]$/);
  assert.ok(fdFlags(Number.parseInt(made.join(), 10)) & O_CLOEXEC, 'the set itself must not be inherited');
  addon.epoll_ref(true);
});

after(() => {
  addon.epoll_ref(false);
});

afterEach(() => {
  batches = [];
});

/** The set forgets the descriptor when it is closed after the test: it has no duplicate. */
function watched(scope: Scope, slot: number, generation: number): FifoPair {
  const pair = fifoPair(scope);
  assert.equal(addon.epoll_add(pair.reader.fd, EPOLLIN, slot, generation), 0);
  return pair;
}

function put(pair: FifoPair): void {
  assert.equal(addon.fd_write(pair.writer.fd, Buffer.from('x')), 1);
}

const told = (): number[][] => batches.flat();

test('a second epoll_create returns EEXIST', () => {
  assert.equal(
    addon.epoll_create(new Uint32Array(4), () => {}),
    -EEXIST,
  );
});

test('the epoll functions return EPERM for a file and a directory, EEXIST for a known and ENOENT for an unknown descriptor', (scope) => {
  const { reader, writer } = fifoPair(scope);
  const directory = temporaryDirectory(scope);
  writeFileSync(join(directory, 'file'), '');
  mkdirSync(join(directory, 'directory'));
  for (const path of [join(directory, 'file'), join(directory, 'directory'), '/dev/null']) {
    const file = OwnedFd.open(path, fs.O_RDONLY, path);
    assert.equal(addon.epoll_add(file.fd, EPOLLIN, 0, 0), -EPERM, path);
    file.close();
  }
  assert.equal(addon.epoll_add(reader.fd, EPOLLIN, 0, 0), 0);
  assert.equal(addon.epoll_add(reader.fd, EPOLLIN, 0, 0), -EEXIST);
  assert.equal(addon.epoll_remove(writer.fd), -ENOENT);
  assert.equal(addon.epoll_modify(writer.fd, EPOLLIN, 0, 0), -ENOENT);
  assert.equal(addon.epoll_remove(reader.fd), 0);
  assert.equal(addon.epoll_remove(reader.fd), -ENOENT);
  assert.equal(addon.epoll_add(-1, EPOLLIN, 0, 0), -EBADF);
});

test('an event has its slot and generation, up to the greatest values, and is reported once', async (scope) => {
  const greatest = 0x7fffffff;
  const pair = watched(scope, greatest, greatest);
  put(pair);
  await waitFor(() => batches.length > 0, 'the event');
  const other = watched(scope, 1, 2);
  put(other);
  await waitFor(() => told().length > 1, 'the event of the other');
  assert.deepEqual(told(), [
    [greatest, greatest, EPOLLIN],
    [1, 2, EPOLLIN],
  ]);
  put(pair);
  await waitFor(() => told().length > 2, 'the next edge');
});

test('epoll_modify selects other events and reports those that are already true', async (scope) => {
  const pair = watched(scope, 5, 6);
  put(pair);
  await waitFor(() => told().length === 1, 'the event');
  assert.equal(addon.epoll_modify(pair.reader.fd, EPOLLIN, 7, 8), 0);
  await waitFor(() => told().length === 2, 'the event again');
  assert.deepEqual(told()[1], [7, 8, EPOLLIN]);
  assert.equal(addon.epoll_modify(pair.reader.fd, EPOLLOUT, 7, 8), 0);
  pair.writer.close();
  await waitFor(() => told().length === 3, 'the hang-up, which need not be asked for');
  assert.deepEqual(told()[2], [7, 8, EPOLLHUP]);
});

test('events beyond one batch are reported in the next batch, and none is reported twice', async (scope) => {
  const pairs = Array.from({ length: 3 * room + 2 }, (_, slot) => watched(scope, slot, 1));
  for (const pair of pairs) put(pair);
  await waitFor(() => told().length >= pairs.length, 'all events');
  assert.deepEqual(
    batches.map((batch) => batch.length),
    [room, room, room, 2],
  );
  assert.deepEqual(
    told()
      .map(([slot]) => slot as number)
      .toSorted((a, b) => a - b),
    pairs.map((_, slot) => slot),
  );
});

test('microtasks of one batch run before the next batch', async (scope) => {
  const pairs = Array.from({ length: room + 1 }, (_, slot) => watched(scope, slot, 1));
  const order: string[] = [];
  const known = batches;
  known.push = (batch: number[][]) => {
    order.push(`batch of ${batch.length}`);
    queueMicrotask(() => order.push('microtask'));
    process.nextTick(() => order.push('tick'));
    return Array.prototype.push.call<unknown[], [unknown], number>(known, batch);
  };
  for (const pair of pairs) put(pair);
  await waitFor(() => order.length === 6, 'both batches');
  assert.deepEqual(order, [`batch of ${room}`, 'tick', 'microtask', 'batch of 1', 'tick', 'microtask']);
});

test('the event loop sleeps while nothing happens', async (scope) => {
  const pair = watched(scope, 0, 1);
  put(pair);
  await waitFor(() => batches.length === 1, 'the event, which is then left unread');
  const switchesBefore = voluntarySwitches();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(voluntarySwitches() - switchesBefore < 20, 'the event loop spins');
  assert.equal(batches.length, 1);
});

test('a pump serves its source without events until the source is empty', async (scope) => {
  const from = watched(scope, 40, 1);
  const to = fifoPair(scope);
  const pump = createPump(scope, from.reader.fd, to.writer.fd);
  assert.equal(addon.epoll_serve(40, pump, plentyUs), 0);
  for (const text of ['one', 'two']) {
    addon.fd_write(from.writer.fd, Buffer.from(text));
    await waitFor(() => addon.fd_unread(to.reader.fd) === text.length, 'the bytes at the other end');
    assert.equal(readAll(to.reader.fd).toString(), text);
  }
  assert.deepEqual(batches, []);
  assert.equal(addon.epoll_serve(40, -1, 1), 0);
  put(from);
  await waitFor(() => batches.length === 1, 'the event of a source that is not served any more');
  assert.deepEqual(told(), [[40, 1, EPOLLIN]]);
  assert.equal(addon.fd_unread(to.reader.fd), 0);
});

test('a pump that stops for another reason reports why', async (scope) => {
  const from = watched(scope, 41, 1);
  const to = fifoPair(scope);
  const pump = createPump(scope, from.reader.fd, to.writer.fd);
  addon.epoll_serve(41, pump, plentyUs);
  addon.fd_write(to.writer.fd, Buffer.alloc(fifoBytes));
  put(from);
  await waitFor(() => batches.length === 1, 'the full sink');
  assert.deepEqual(told(), [[41, 1, EPOLLIN, PumpStop.full]]);
  put(from);
  await watchedTurn(scope);
  assert.equal(addon.fd_unread(from.reader.fd), 1, 'a source is left alone while the sink is full');
  to.reader.close();
  assert.equal(runPump(pump).stop, PumpStop.broken);
  from.writer.close();
  await waitFor(() => told().length > 2, 'the hang-up, which no pump serves');
  assert.deepEqual(told().at(-1), [41, 1, EPOLLIN | EPOLLHUP]);
});

test('epoll_serve returns EINVAL for an invalid budget or slot, and a destroyed pump serves nothing', async (scope) => {
  assert.equal(addon.epoll_serve(42, 0, 0), -EINVAL);
  assert.equal(addon.epoll_serve(-1, 0, 1), -EINVAL);
  assert.equal(addon.epoll_serve(0x7fffffff, 0, 1), -EINVAL);
  const from = watched(scope, 42, 1);
  assert.equal(addon.epoll_serve(42, 12345, 1), 0);
  put(from);
  await watchedTurn(scope);
  assert.equal(addon.fd_unread(from.reader.fd), 1);
  assert.equal(addon.epoll_serve(42, -1, 1), 0);
});

/** Until an event that comes after all that wait already has been told. */
async function watchedTurn(scope: Scope): Promise<void> {
  put(watched(scope, 50, 1));
  await waitFor(() => told().some(([slot]) => slot === 50), 'the event of a later descriptor');
}

function voluntarySwitches(): number {
  const status = readFileSync(`/proc/self/task/${process.pid}/status`, 'utf8');
  return Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1]);
}
