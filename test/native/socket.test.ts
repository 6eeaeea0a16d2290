/*
 * Anybody who dials the console socket decides which message arrives. The receiving function gets every message that a
 * dialer can send: no descriptor, two, as many as a message can hold, garbage, nothing, or a name without a terminating
 * zero. Unless the message has exactly one descriptor, all of its descriptors must be closed, or a dialer could fill
 * the descriptor table.
 */
import assert from 'node:assert/strict';
import { fstatSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { addon } from '../../src/native/addon.js';
import { openDescriptors } from '../helpers/base/descriptors.js';
import { fifoPair } from '../helpers/copy/fifo-pair.js';
import { runFixture } from '../helpers/base/fixture.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';

const {
  E2BIG,
  EADDRINUSE,
  EAGAIN,
  EBADF,
  EBADMSG,
  ECONNREFUSED,
  EINVAL,
  EMSGSIZE,
  ENAMETOOLONG,
  ENODATA,
  ENOENT,
  ENOTSOCK,
} = constants.errno;

interface Pair {
  readonly dialer: number;
  readonly receiver: number;
  hangUp(): void;
}

function connected(scope: Scope): Pair {
  const path = join(temporaryDirectory(scope), 'socket');
  const listener = addon.socket_listen(path, 0o600);
  const dialer = addon.socket_connect(path);
  const receiver = addon.socket_accept(listener);
  assert.ok(listener >= 0 && dialer >= 0 && receiver >= 0, `${listener} ${dialer} ${receiver}`);
  addon.fd_close(listener);
  let isOpen = true;
  const hangUp = (): void => {
    if (isOpen) addon.fd_close(dialer);
    isOpen = false;
  };
  scope.after(() => {
    hangUp();
    addon.fd_close(receiver);
  });
  return { dialer, receiver, hangUp };
}

leakTest('socket_listen makes the file with the mode at once, whatever the umask', (scope) => {
  const directory = temporaryDirectory(scope);
  const umask = process.umask(0);
  scope.after(() => process.umask(umask));
  for (const mode of [0o600, 0o660]) {
    const path = join(directory, mode.toString(8));
    const listener = addon.socket_listen(path, mode);
    scope.after(() => addon.fd_close(listener));
    assert.ok(statSync(path).isSocket());
    assert.equal(statSync(path).mode & 0o777, mode);
  }
});

leakTest('socket_listen takes a path of at most 107 bytes', (scope) => {
  const directory = temporaryDirectory(scope);
  const longest = join(directory, 'x'.repeat(107 - directory.length - 1));
  assert.equal(Buffer.byteLength(longest), 107);
  const listener = addon.socket_listen(longest, 0o600);
  assert.ok(listener >= 0);
  const dialer = addon.socket_connect(longest);
  assert.ok(dialer >= 0);
  addon.fd_close(dialer);
  addon.fd_close(listener);
  assert.equal(addon.socket_listen(`${longest}x`, 0o600), -ENAMETOOLONG);
  assert.equal(addon.socket_connect(`${longest}x`), -ENAMETOOLONG);
  assert.equal(addon.socket_connect('x'.repeat(5000)), -ENAMETOOLONG);
});

leakTest('the limit of a path counts bytes and not characters', (scope) => {
  const path = join(temporaryDirectory(scope), '☃'.repeat(30));
  assert.ok(path.length <= 107);
  assert.equal(addon.socket_listen(path, 0o600), -ENAMETOOLONG);
});

test('a path that contains a zero returns EINVAL', () => {
  assert.equal(addon.socket_listen('/tmp/a\0b', 0o600), -EINVAL);
  assert.equal(addon.socket_connect('/tmp/a\0b'), -EINVAL);
});

leakTest('an empty path is refused, as it would name an abstract socket that anybody can dial', () => {
  const listener = addon.socket_listen('', 0o600);
  if (listener >= 0) addon.fd_close(listener);
  assert.ok(listener < 0, 'a socket without a file listens');
});

leakTest(
  'socket_listen and socket_connect return the errno for a file, a missing directory, and no listener',
  (scope) => {
    const directory = temporaryDirectory(scope);
    const path = join(directory, 'socket');
    const listener = addon.socket_listen(path, 0o600);
    assert.equal(addon.socket_listen(path, 0o600), -EADDRINUSE);
    assert.equal(addon.socket_listen(join(directory, 'none/socket'), 0o600), -ENOENT);
    assert.equal(addon.socket_connect(join(directory, 'none')), -ENOENT);
    addon.fd_close(listener);
    assert.equal(addon.socket_connect(path), -ECONNREFUSED);
    assert.equal(addon.socket_listen(path, 0o600), -EADDRINUSE);
  },
);

leakTest('socket_accept does not wait, and returns this user as the peer', (scope) => {
  const path = join(temporaryDirectory(scope), 'socket');
  const listener = addon.socket_listen(path, 0o600);
  scope.after(() => addon.fd_close(listener));
  assert.equal(addon.socket_accept(listener), -EAGAIN);
  const { receiver } = connected(scope);
  assert.equal(addon.socket_peer_uid(receiver), process.getuid?.());
  const { reader } = fifoPair(scope);
  assert.equal(addon.socket_peer_uid(reader.fd), -ENOTSOCK);
  assert.equal(addon.socket_accept(reader.fd), -ENOTSOCK);
});

leakTest('socket_receive_fd returns a new descriptor of the same file, and the bytes', (scope) => {
  const { dialer, receiver } = connected(scope);
  const data = Buffer.alloc(32, 0xff);
  assert.equal(addon.socket_send_fds(dialer, Buffer.from('/dev/pts/3'), [receiver]), 10);
  const fd = addon.socket_receive_fd(receiver, data);
  assert.ok(fd >= 0 && fd !== receiver);
  assert.equal(fstatSync(fd).ino, fstatSync(receiver).ino);
  assert.equal(data.subarray(0, 11).toString('latin1'), '/dev/pts/3\0');
  assert.equal(addon.fd_close(fd), 0, 'it is owned');
});

leakTest('a message that fills the buffer still ends with a zero', (scope) => {
  const { dialer, receiver } = connected(scope);
  const data = Buffer.alloc(8, 0xff);
  addon.socket_send_fds(dialer, Buffer.from('0123456789'), [0]);
  const fd = addon.socket_receive_fd(receiver, data);
  assert.equal(addon.fd_close(fd), 0);
  assert.equal(data.toString('latin1'), '0123456\0');
});

const faults: readonly (readonly [string, Uint8Array, number, number])[] = [
  ['a name without a descriptor', Buffer.from('/dev/pts/3'), 0, -EBADMSG],
  ['one zero byte', new Uint8Array(1), 0, -EBADMSG],
  ['garbage', Buffer.alloc(100_000, 0xa5), 0, -EBADMSG],
  ['two descriptors', Buffer.from('x'), 2, -E2BIG],
  ['as many descriptors as a message holds', Buffer.from('x'), 253, -E2BIG],
];
for (const [what, data, count, answer] of faults) {
  leakTest(`socket_receive_fd closes all descriptors that arrive with ${what}`, (scope) => {
    const { dialer, receiver } = connected(scope);
    const before = openDescriptors();
    const fds = Array.from({ length: count }, () => 0);
    assert.equal(addon.socket_send_fds(dialer, data, fds), data.length);
    assert.equal(addon.socket_receive_fd(receiver, new Uint8Array(4096)), answer);
    assert.deepEqual(openDescriptors(), before);
  });
}

leakTest('socket_receive_fd returns EAGAIN if nothing has arrived, and ENODATA at the end', (scope) => {
  const { receiver, hangUp } = connected(scope);
  assert.equal(addon.socket_receive_fd(receiver, new Uint8Array(16)), -EAGAIN);
  hangUp();
  assert.equal(addon.socket_receive_fd(receiver, new Uint8Array(16)), -ENODATA);
});

leakTest('descriptors that were never received are closed with the socket', (scope) => {
  const { dialer } = connected(scope);
  const master = addon.tty_open_master();
  addon.socket_send_fds(dialer, Buffer.from('x'), [master]);
  addon.fd_close(master);
});

leakTest('socket_receive_fd refuses a buffer that is too small, and a descriptor that is no socket', (scope) => {
  const { receiver } = connected(scope);
  assert.equal(addon.socket_receive_fd(receiver, new Uint8Array(1)), -EINVAL);
  const { reader } = fifoPair(scope);
  assert.equal(addon.socket_receive_fd(reader.fd, new Uint8Array(2)), -ENOTSOCK);
  assert.equal(addon.socket_send_fds(reader.fd, new Uint8Array(2), []), -ENOTSOCK);
});

test('socket_receive_fd returns EMSGSIZE if the descriptor table is full, and keeps no descriptor', async () => {
  const { code, signal, stdout, stderr } = await runFixture('addon/native-receive-with-full-table');
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
  assert.deepEqual(JSON.parse(stdout), { answer: -EMSGSIZE, again: 'received', descriptorsKept: 0 });
});

leakTest('socket_send_fds returns EPIPE if the peer has left, and EBADF for a closed descriptor', (scope) => {
  const { dialer, receiver, hangUp } = connected(scope);
  assert.equal(addon.socket_send_fds(receiver, Buffer.from('x'), [-1]), -EBADF);
  assert.ok(dialer >= 0);
  hangUp();
  assert.equal(addon.socket_send_fds(receiver, Buffer.from('x'), []), -constants.errno.EPIPE);
});

leakTest('socket_send_fds leaves the descriptors of the caller open', (scope) => {
  const { dialer, receiver } = connected(scope);
  const master = addon.tty_open_master();
  addon.socket_send_fds(dialer, Buffer.from('x'), [master]);
  const twin = addon.socket_receive_fd(receiver, new Uint8Array(16));
  assert.equal(addon.tty_pts_number(twin), addon.tty_pts_number(master));
  assert.equal(addon.fd_close(master), 0);
  assert.equal(addon.fd_close(twin), 0);
});
