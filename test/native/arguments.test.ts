/*
 * Typed code calls the functions of the addon, but a type can be wrong at run time: an undefined in the place of a
 * descriptor, a Buffer in the place of a path. If the addon read such a value as zero, it would use descriptor 0. Each
 * parameter of each function gets one value of every wrong type, with valid other arguments: the call must throw a
 * TypeError, and must never reach the kernel.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Addon, addon } from '../../src/native/addon.js';
import { runFixture } from '../helpers/base/fixture.js';

type Kind = 'int' | 'bool' | 'bytes' | 'pair' | 'path' | 'fds';

/** epoll_create can be called only once, so a fixture calls it with wrong arguments. */
type Checked = Exclude<keyof Addon, 'epoll_create' | 'pump_stops' | 'log_formats'>;

const signatures: Readonly<Record<Checked, readonly Kind[]>> = {
  fd_open: ['path', 'int', 'int'],
  fd_adopt: ['int'],
  fd_duplicate: ['int'],
  fd_release: ['int'],
  fd_close: ['int'],
  fd_read: ['int', 'bytes'],
  fd_write: ['int', 'bytes'],
  fd_discard: ['int', 'int'],
  fd_poll: ['int'],
  fd_unread: ['int'],
  fd_lock: ['int'],
  fd_set_nonblocking: ['int', 'bool'],
  pipe_create: ['pair'],
  fifo_create: ['path', 'int'],
  eventfd_create: [],
  epoll_add: ['int', 'int', 'int', 'int'],
  epoll_modify: ['int', 'int', 'int', 'int'],
  epoll_remove: ['int'],
  epoll_serve: ['int', 'int', 'int'],
  epoll_ref: ['bool'],
  pump_create: ['int', 'int'],
  pump_run: ['int', 'int', 'bool'],
  pump_limit: ['int', 'int'],
  pump_tap: ['int', 'int'],
  pump_bytes: ['int'],
  pump_pending: ['int'],
  pump_last_byte: ['int'],
  pump_destroy: ['int'],
  ring_create: ['int'],
  ring_destroy: ['int'],
  ring_bytes: ['int'],
  ring_recent: ['int', 'bytes'],
  ring_reader_create: ['int', 'int'],
  ring_reader_destroy: ['int'],
  ring_reader_behind: ['int'],
  ring_reader_skip: ['int'],
  ring_reader_read: ['int', 'bytes'],
  ring_reader_write: ['int', 'int'],
  log_create: ['int', 'bool'],
  log_encode: ['int', 'bytes', 'bytes'],
  log_end: ['int', 'bytes'],
  log_destroy: ['int'],
  socket_listen: ['path', 'int'],
  socket_accept: ['int'],
  socket_connect: ['path'],
  socket_peer_uid: ['int'],
  socket_receive_fd: ['int', 'bytes'],
  socket_send_fds: ['int', 'bytes', 'fds'],
  tty_open_master: [],
  tty_pts_number: ['int'],
  tty_get_size: ['int'],
  tty_set_size: ['int', 'int', 'int'],
  tty_get_termios: ['int', 'bytes'],
  tty_set_termios: ['int', 'bytes'],
  tty_set_raw: ['int'],
  tty_clear_onlcr: ['int'],
  tty_end_of_file: ['int'],
  tty_unread_input: ['int'],
  process_set_subreaper: ['bool'],
  pidfd_open: ['int'],
  pidfd_signal: ['int', 'int'],
  process_reap: ['int'],
  process_peek: [],
};

/* No kernel object is behind any of them, so a call that should have thrown does no harm. */
const right: Readonly<Record<Kind, unknown>> = {
  int: -1,
  bool: false,
  bytes: new Uint8Array(64),
  pair: new Int32Array(2),
  path: '/nonexistent/file',
  fds: [],
};

const wrong: Readonly<Record<Kind, readonly unknown[]>> = {
  int: [undefined, null, '1', true, 1n, {}, []],
  bool: [undefined, null, 0, 'true', {}],
  bytes: [
    undefined,
    null,
    'bytes',
    [1, 2],
    new Uint16Array(64),
    new ArrayBuffer(64),
    new DataView(new ArrayBuffer(64)),
  ],
  pair: [undefined, null, 2, [0, 0], new Int32Array(1), new Int32Array(3), new Uint32Array(2), new ArrayBuffer(8)],
  path: [undefined, null, 5, Buffer.from('/tmp'), ['/tmp']],
  fds: [
    undefined,
    null,
    3,
    'fds',
    { length: 1 },
    Array.from({ length: 254 }, () => -1),
    ['3'],
    [undefined],
    [-1, null],
  ],
};

test('the table names every export', () => {
  const others = ['epoll_create', 'pump_stops', 'log_formats'];
  assert.deepEqual(Object.keys(addon).toSorted(), [...others, ...Object.keys(signatures)].toSorted());
});

for (const [name, kinds] of Object.entries(signatures) as [keyof typeof signatures, readonly Kind[]][]) {
  const call = addon[name] as (...args: unknown[]) => unknown;
  kinds.forEach((kind, position) => {
    test(`${name}: argument ${position} must be of kind ${kind}`, () => {
      for (const value of wrong[kind]) {
        const args = kinds.map((other, index) => (index === position ? value : right[other]));
        assert.throws(
          () => call(...args),
          { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' },
          `no TypeError for ${typeof value} ${JSON.stringify(value, (_, it) => (typeof it === 'bigint' ? '1n' : it))}`,
        );
      }
    });
  });
}

test('a missing argument is refused like one of a wrong type', () => {
  assert.throws(() => (addon.fd_write as (fd: number) => number)(-1), TypeError);
});

test('additional arguments are ignored', () => {
  assert.equal((addon.fd_close as (...args: unknown[]) => number)(-1, 'a', 'b', 'c', 'd', 'e'), -9);
});

test('a number that is not a 32-bit integer is refused', () => {
  const beyond = 2 ** 32 + process.pid;
  assert.throws(() => addon.pidfd_open(beyond), TypeError, `${beyond} was taken for ${process.pid}`);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 0.5]) {
    assert.throws(() => addon.fd_poll(value), TypeError, `${value} was taken for descriptor 0`);
  }
});

test('epoll_create takes a Uint32Array and a function', async () => {
  const { stdout, stderr, code, signal } = await runFixture('addon/native-epoll-create-with-wrong-arguments');
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
  for (const line of stdout.trim().split('\n')) assert.match(line, /: TypeError$/);
});
