/*
 * The functions of the addon return the kernel's answer or -errno for valid arguments. Their callers distinguish an
 * expected answer from a failure by these numbers alone. The tests force each answer with the kernel object that gives
 * it.
 */
import assert from 'node:assert/strict';
import { constants as fs, statSync, symlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { addon } from '../../src/native/addon.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { fdFlags } from '../helpers/base/descriptors.js';
import { fifoPair } from '../helpers/copy/fifo-pair.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';

const { EAGAIN, EBADF, ECHILD, EEXIST, EINVAL, ENAMETOOLONG, ENOENT, ENXIO, EPIPE, ESRCH } = constants.errno;
const { O_RDONLY, O_WRONLY, O_NONBLOCK } = fs;
const POLLIN = 1;
const POLLOUT = 4;
const POLLERR = 8;
const POLLHUP = 16;

function own(scope: Scope, fd: number): OwnedFd {
  assert.ok(fd >= 0, `a descriptor was expected, not ${fd}`);
  const owned = new OwnedFd(fd, 'of a test');
  scope.after(() => owned.close());
  return owned;
}

leakTest('fd_open returns the errors of open(2), and refuses a path that is too long or has a zero in it', (scope) => {
  const directory = temporaryDirectory(scope);
  const fifo = join(directory, 'fifo');
  assert.equal(addon.fifo_create(fifo, 0o600), 0);
  symlinkSync('loop', join(directory, 'loop'));
  assert.equal(addon.fd_open(join(directory, 'none'), O_RDONLY, 0), -ENOENT);
  assert.equal(addon.fd_open(fifo, O_WRONLY | O_NONBLOCK, 0), -ENXIO);
  assert.equal(addon.fd_open(join(directory, 'loop'), O_RDONLY, 0), -constants.errno.ELOOP);
  assert.equal(addon.fd_open('x'.repeat(4096), O_RDONLY, 0), -ENAMETOOLONG);
  assert.equal(addon.fd_open('x'.repeat(5000), O_RDONLY, 0), -ENAMETOOLONG);
  assert.equal(addon.fd_open('/dev/null\0x', O_RDONLY, 0), -EINVAL);
  assert.equal(addon.fd_open('', O_RDONLY, 0), -ENOENT);
});

leakTest('fd_open creates a file with the mode, and takes a name that is not ASCII', (scope) => {
  const path = join(temporaryDirectory(scope), 'döner ☃');
  own(scope, addon.fd_open(path, O_WRONLY | fs.O_CREAT | fs.O_EXCL, 0o640));
  assert.equal(statSync(path).mode & 0o777, 0o640 & ~process.umask());
});

leakTest('fd_lock lets another open file wait until the descriptor is closed', (scope) => {
  const directory = temporaryDirectory(scope);
  const [one, two] = [
    own(scope, addon.fd_open(directory, O_RDONLY, 0)),
    own(scope, addon.fd_open(directory, O_RDONLY, 0)),
  ];
  assert.equal(addon.fd_lock(one.fd), 0);
  assert.equal(addon.fd_lock(one.fd), 0);
  assert.equal(addon.fd_lock(two.fd), -EAGAIN);
  one.close();
  assert.equal(addon.fd_lock(two.fd), 0);
  assert.equal(addon.fd_lock(-1), -EBADF);
});

leakTest('eventfd_create makes a counter that a read empties', (scope) => {
  const { fd } = own(scope, addon.eventfd_create());
  const count = new BigUint64Array(1);
  const bytes = new Uint8Array(count.buffer);
  assert.equal(addon.fd_read(fd, bytes), -EAGAIN);
  count[0] = 5n;
  assert.equal(addon.fd_write(fd, bytes), 8);
  assert.equal(addon.fd_write(fd, bytes), 8);
  assert.equal(addon.fd_read(fd, bytes), 8);
  assert.equal(count[0], 10n);
  assert.equal(addon.fd_read(fd, bytes), -EAGAIN);
});

leakTest('fifo_create sets the mode, and returns EEXIST and ENOENT', (scope) => {
  const directory = temporaryDirectory(scope);
  const path = join(directory, 'fifo');
  assert.equal(addon.fifo_create(path, 0o600), 0);
  assert.ok(statSync(path).isFIFO());
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(addon.fifo_create(path, 0o600), -EEXIST);
  assert.equal(addon.fifo_create(join(directory, 'none/fifo'), 0o600), -ENOENT);
});

leakTest('fd_read and fd_write return bytes, EAGAIN, the end and EPIPE, and take a view of a buffer', (scope) => {
  const { reader, writer } = fifoPair(scope);
  const into = Buffer.alloc(8);
  assert.equal(addon.fd_read(reader.fd, into), -EAGAIN);
  assert.equal(addon.fd_write(writer.fd, Buffer.from('xxhelloxx').subarray(2, 7)), 5);
  assert.equal(addon.fd_unread(reader.fd), 5);
  assert.equal(addon.fd_read(reader.fd, into.subarray(2, 4)), 2);
  assert.equal(into.toString('latin1'), '\0\0he\0\0\0\0');
  assert.equal(addon.fd_read(reader.fd, new Uint8Array(0)), 0);
  assert.equal(addon.fd_read(reader.fd, into), 3);
  writer.close();
  assert.equal(addon.fd_read(reader.fd, into), 0);
});

leakTest('fd_write returns EAGAIN for a full FIFO and EPIPE without a reader, and raises no SIGPIPE', (scope) => {
  const { reader, writer } = fifoPair(scope);
  const block = new Uint8Array(65536);
  assert.equal(addon.fd_write(writer.fd, block), 65536);
  assert.equal(addon.fd_write(writer.fd, block), -EAGAIN);
  reader.close();
  assert.equal(addon.fd_write(writer.fd, block), -EPIPE);
});

leakTest('fd_discard takes at most what is asked and at most 64 KiB, and nothing for 0', (scope) => {
  const { reader, writer } = fifoPair(scope);
  addon.fd_write(writer.fd, Buffer.from('abcdef'));
  assert.equal(addon.fd_discard(reader.fd, 0), 0);
  assert.equal(addon.fd_discard(reader.fd, 2), 2);
  const into = Buffer.alloc(2);
  addon.fd_read(reader.fd, into);
  assert.equal(into.toString(), 'cd');
  assert.equal(addon.fd_discard(reader.fd, 2 ** 31 - 1), 2);
  assert.equal(addon.fd_discard(reader.fd, 10), -EAGAIN);
  assert.equal(addon.fd_discard(reader.fd, -1), -EINVAL);
});

leakTest('fd_poll returns what a FIFO is ready for, and 0 for nothing', (scope) => {
  const { reader, writer } = fifoPair(scope);
  assert.equal(addon.fd_poll(reader.fd), 0);
  assert.equal(addon.fd_poll(writer.fd), POLLOUT);
  addon.fd_write(writer.fd, Buffer.from('x'));
  assert.equal(addon.fd_poll(reader.fd), POLLIN);
  writer.close();
  assert.equal(addon.fd_poll(reader.fd), POLLIN | POLLHUP);
});

leakTest('fd_poll returns POLLERR for a writer without a reader', (scope) => {
  const { reader, writer } = fifoPair(scope);
  reader.close();
  assert.equal(addon.fd_poll(writer.fd), POLLOUT | POLLERR);
});

leakTest('fd_set_nonblocking returns the old value, and changes what duplicates share', (scope) => {
  const { reader } = fifoPair(scope);
  const twin = own(scope, addon.fd_duplicate(reader.fd));
  assert.equal(addon.fd_set_nonblocking(reader.fd, false), 1);
  assert.equal(fdFlags(twin.fd) & O_NONBLOCK, 0);
  assert.equal(addon.fd_set_nonblocking(reader.fd, false), 0);
  assert.equal(addon.fd_set_nonblocking(twin.fd, true), 0);
  assert.equal(fdFlags(reader.fd) & O_NONBLOCK, O_NONBLOCK);
  assert.equal(addon.fd_set_nonblocking(twin.fd, true), 1);
});

test('every function returns EBADF for a descriptor that is not open', () => {
  const bytes = new Uint8Array(64);
  const answers = {
    fd_adopt: addon.fd_adopt(-1),
    fd_duplicate: addon.fd_duplicate(-1),
    fd_release: addon.fd_release(-1),
    fd_close: addon.fd_close(-1),
    fd_close_high: addon.fd_close(2 ** 31 - 1),
    fd_read: addon.fd_read(-1, bytes),
    fd_write: addon.fd_write(-1, bytes),
    fd_discard: addon.fd_discard(-1, 1),
    fd_unread: addon.fd_unread(-1),
    fd_set_nonblocking: addon.fd_set_nonblocking(-1, true),
    socket_accept: addon.socket_accept(-1),
    socket_peer_uid: addon.socket_peer_uid(-1),
    socket_receive_fd: addon.socket_receive_fd(-1, bytes),
    socket_send_fds: addon.socket_send_fds(-1, bytes, []),
    tty_pts_number: addon.tty_pts_number(-1),
    tty_get_size: addon.tty_get_size(-1),
    tty_set_size: addon.tty_set_size(-1, 1, 1),
    tty_get_termios: addon.tty_get_termios(-1, bytes),
    tty_set_termios: addon.tty_set_termios(-1, bytes),
    tty_set_raw: addon.tty_set_raw(-1),
    tty_clear_onlcr: addon.tty_clear_onlcr(-1),
    tty_end_of_file: addon.tty_end_of_file(-1),
    pidfd_signal: addon.pidfd_signal(-1, 0),
  };
  for (const [name, answer] of Object.entries(answers)) assert.equal(answer, -EBADF, name);
});

leakTest('pidfd_open opens this process, and refuses a process that is gone and an invalid pid', (scope) => {
  const pidfd = own(scope, addon.pidfd_open(process.pid));
  assert.equal(addon.pidfd_signal(pidfd.fd, 0), 0);
  assert.equal(addon.pidfd_signal(pidfd.fd, 12345), -EINVAL);
  assert.equal(addon.pidfd_open(2 ** 22 + 1), -ESRCH);
  assert.equal(addon.pidfd_open(0), -EINVAL);
  assert.equal(addon.pidfd_open(-1), -EINVAL);
});

test('process_reap reaps one pid, never another child', () => {
  assert.equal(addon.process_reap(process.ppid), -ECHILD);
  assert.equal(addon.process_reap(0), -EINVAL);
  assert.equal(addon.process_reap(-1), -EINVAL);
});

test('process_peek returns 0 while no child has ended', () => {
  assert.equal(addon.process_peek(), 0);
});
