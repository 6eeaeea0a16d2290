/*
 * The tty functions of the addon answer for both sides of a pty: size, modes, end of file and unread input belong to
 * the pair, and only the master has a number. For a descriptor that is no tty the answer alone must say so.
 */
import assert from 'node:assert/strict';
import { constants as fs, statSync } from 'node:fs';
import { constants } from 'node:os';
import { addon } from '../../src/native/addon.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { fdFlags } from '../helpers/base/descriptors.js';
import { fifoPair } from '../helpers/copy/fifo-pair.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';

const { EAGAIN, EINVAL, EIO, ENOTTY } = constants.errno;
const { O_RDONLY, O_RDWR, O_NONBLOCK, O_NOCTTY } = fs;

function own(scope: Scope, fd: number): OwnedFd {
  assert.ok(fd >= 0, `a descriptor was expected, not ${fd}`);
  const owned = new OwnedFd(fd, 'of a test');
  scope.after(() => owned.close());
  return owned;
}

/** A master, and its tty held open so that a read of the master is EAGAIN rather than EIO. */
function openPty(scope: Scope): { master: number; tty: OwnedFd } {
  const master = own(scope, addon.tty_open_master()).fd;
  const path = `/dev/pts/${addon.tty_pts_number(master)}`;
  return { master, tty: own(scope, addon.fd_open(path, O_RDWR | O_NOCTTY | O_NONBLOCK, 0)) };
}

leakTest('a master has a number, is non-blocking, and returns EIO for a read until a tty was opened', (scope) => {
  const master = own(scope, addon.tty_open_master()).fd;
  const number = addon.tty_pts_number(master);
  assert.ok(statSync(`/dev/pts/${number}`).isCharacterDevice());
  assert.equal(fdFlags(master) & O_NONBLOCK, O_NONBLOCK);
  const tty = own(scope, addon.fd_open(`/dev/pts/${number}`, O_RDWR | O_NOCTTY, 0));
  assert.equal(addon.fd_read(master, new Uint8Array(1)), -EAGAIN);
  tty.close();
  assert.equal(addon.fd_read(master, new Uint8Array(1)), -EIO);
});

leakTest('only a master has a number', (scope) => {
  const { tty } = openPty(scope);
  const { reader } = fifoPair(scope);
  const file = own(scope, addon.fd_open('/proc/self/stat', O_RDONLY, 0));
  for (const { fd } of [tty, reader, file]) assert.equal(addon.tty_pts_number(fd), -ENOTTY);
});

leakTest('the size has the columns first, and both sides share it', (scope) => {
  const { master, tty } = openPty(scope);
  assert.equal(addon.tty_get_size(master), 0);
  assert.equal(addon.tty_set_size(master, 132, 43), 0);
  assert.equal(addon.tty_get_size(tty.fd), 132 * 65536 + 43);
  assert.equal(addon.tty_set_size(master, 65535, 65535), 0);
  assert.equal(addon.tty_get_size(master), 0xffffffff);
});

leakTest('tty_get_termios and tty_set_termios keep the settings, and refuse a buffer that is too small', (scope) => {
  const { master, tty } = openPty(scope);
  const before = new Uint8Array(64);
  const size = addon.tty_get_termios(tty.fd, before);
  assert.ok(size > 0 && size <= 64);
  assert.equal(addon.tty_get_termios(tty.fd, new Uint8Array(size - 1)), -EINVAL);
  assert.equal(addon.tty_set_termios(tty.fd, new Uint8Array(size - 1)), -EINVAL);
  assert.equal(addon.tty_set_raw(tty.fd), 0);
  assert.equal(addon.tty_end_of_file(master), 4);
  assert.equal(addon.tty_set_termios(tty.fd, before), 0);
  assert.equal(addon.tty_end_of_file(master), 4 + 256);
  const after = new Uint8Array(64);
  addon.tty_get_termios(tty.fd, after);
  assert.deepEqual(after, before);
});

leakTest('tty_unread_input counts the bytes that the tty can read, in raw mode and by whole lines', (scope) => {
  const { master, tty } = openPty(scope);
  const { reader } = fifoPair(scope);
  addon.fd_write(master, Buffer.from('one\ntw'));
  assert.equal(addon.tty_unread_input(master), 4);
  addon.fd_read(tty.fd, new Uint8Array(16));
  assert.equal(addon.tty_unread_input(master), 0, 'half a line cannot be read');
  addon.tty_set_raw(tty.fd);
  assert.equal(addon.tty_unread_input(master), 2);
  assert.ok(addon.tty_unread_input(tty.fd) < 0);
  assert.equal(addon.tty_unread_input(reader.fd), -ENOTTY);
});

leakTest('tty_clear_onlcr leaves newlines unchanged', (scope) => {
  const { master, tty } = openPty(scope);
  const into = Buffer.alloc(8);
  addon.fd_write(tty.fd, Buffer.from('a\n'));
  assert.equal(into.toString('latin1', 0, addon.fd_read(master, into)), 'a\r\n');
  assert.equal(addon.tty_clear_onlcr(master), 0);
  addon.fd_write(tty.fd, Buffer.from('b\n'));
  assert.equal(into.toString('latin1', 0, addon.fd_read(master, into)), 'b\n');
});

leakTest('every tty function returns ENOTTY for a file that is no tty', (scope) => {
  const { fd } = fifoPair(scope).reader;
  const bytes = new Uint8Array(64);
  assert.equal(addon.tty_get_size(fd), -ENOTTY);
  assert.equal(addon.tty_set_size(fd, 80, 24), -ENOTTY);
  assert.equal(addon.tty_get_termios(fd, bytes), -ENOTTY);
  assert.equal(addon.tty_set_termios(fd, bytes), -ENOTTY);
  assert.equal(addon.tty_set_raw(fd), -ENOTTY);
  assert.equal(addon.tty_clear_onlcr(fd), -ENOTTY);
  assert.equal(addon.tty_end_of_file(fd), -ENOTTY);
});
