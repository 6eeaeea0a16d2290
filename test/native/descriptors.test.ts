/*
 * A descriptor is a number, and closing a number twice closes a descriptor of somebody else. So the addon closes only
 * descriptors that are in its table, and returns only descriptors that a child process does not inherit: a runtime that
 * inherits the pty master of another container keeps that console open for ever.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants as fs, fstatSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { addon } from '../../src/native/addon.js';
import { O_CLOEXEC, fdFlags } from '../helpers/base/descriptors.js';
import { fifoPair } from '../helpers/copy/fifo-pair.js';
import { fixturePath } from '../helpers/base/fixture.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';

const { EBADF } = constants.errno;

test('fd_close refuses a descriptor that is not in the table, and leaves it open', () => {
  const stranger = openSync('/dev/null', 'r');
  assert.equal(addon.fd_close(stranger), -EBADF);
  fstatSync(stranger);
  closeSync(stranger);
});

test('fd_close refuses standard input too', () => {
  assert.equal(addon.fd_close(0), -EBADF);
  fstatSync(0);
});

leakTest('fd_close closes a number once, and refuses it afterwards', () => {
  const fd = addon.fd_open('/dev/null', fs.O_RDONLY, 0);
  assert.equal(addon.fd_close(fd), 0);
  const stranger = openSync('/dev/null', 'r');
  assert.equal(stranger, fd, 'the kernel gives the lowest free number');
  assert.equal(addon.fd_close(fd), -EBADF);
  fstatSync(stranger);
  closeSync(stranger);
});

leakTest('fd_adopt adds a descriptor to the table that the addon did not open', () => {
  const fd = openSync('/dev/null', 'r');
  assert.equal(addon.fd_adopt(fd), fd);
  assert.equal(addon.fd_adopt(fd), fd, 'once more changes nothing');
  assert.equal(addon.fd_close(fd), 0);
  assert.equal(addon.fd_close(fd), -EBADF);
  assert.throws(() => fstatSync(fd), { code: 'EBADF' });
});

leakTest('fd_release removes a descriptor from the table, and leaves it open', () => {
  const fd = addon.fd_open('/dev/null', fs.O_RDONLY, 0);
  assert.equal(addon.fd_release(fd), fd);
  assert.equal(addon.fd_release(fd), -EBADF);
  assert.equal(addon.fd_close(fd), -EBADF);
  fstatSync(fd);
  closeSync(fd);
});

leakTest('the table grows beyond 64 and beyond 640 descriptors', () => {
  const fds = Array.from({ length: 700 }, () => addon.fd_open('/dev/null', fs.O_RDONLY, 0));
  assert.ok(fds.every((fd) => fd >= 0));
  for (const fd of fds) assert.equal(addon.fd_close(fd), 0, `descriptor ${fd}`);
  for (const fd of fds) assert.equal(addon.fd_close(fd), -EBADF, `descriptor ${fd}`);
});

leakTest(
  'each environment has its own table, so a worker cannot close a descriptor of the main thread',
  async (scope) => {
    const { reader } = fifoPair(scope);
    const worker = new Worker(fixturePath('addon/worker-that-closes'), { workerData: reader.fd });
    const [message] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
    assert.deepEqual(message, [-EBADF]);
    fstatSync(reader.fd);
  },
);

describe('CLOEXEC is set', () => {
  const makers: Readonly<Record<string, (scope: Scope) => number>> = {
    fd_open: () => addon.fd_open('/dev/null', fs.O_RDONLY, 0),
    fd_adopt: () => addon.fd_adopt(openSync('/dev/null', 'r')),
    fd_duplicate: () => addon.fd_duplicate(0),
    'pipe_create, the reading end': (scope) => pipeEnd(scope, 0),
    'pipe_create, the writing end': (scope) => pipeEnd(scope, 1),
    eventfd_create: () => addon.eventfd_create(),
    socket_listen: (scope) => addon.socket_listen(join(temporaryDirectory(scope), 'socket'), 0o600),
    socket_connect: (scope) => dialled(scope).dialer,
    socket_accept: (scope) => dialled(scope).accepted,
    socket_receive_fd: received,
    tty_open_master: () => addon.tty_open_master(),
    pidfd_open: () => addon.pidfd_open(process.pid),
  };
  for (const [name, make] of Object.entries(makers)) {
    leakTest(`by ${name}`, (scope) => {
      const fd = make(scope);
      assert.ok(fd >= 0, `${name} answered ${fd}`);
      scope.after(() => addon.fd_close(fd));
      assert.ok(fdFlags(fd) & O_CLOEXEC, `descriptor ${fd} would be inherited`);
      const { stdout } = spawnSync('sh', ['-c', `test -e /proc/self/fd/${fd}; echo $?`], { encoding: 'utf8' });
      assert.equal(stdout.trim(), '1', `descriptor ${fd} was inherited`);
    });
  }

  /** node-pty's masters are born without CLOEXEC, so this is a descriptor that needs fd_adopt to set it. */
  test('by fd_adopt on a descriptor that has no CLOEXEC', async () => {
    const { open } = (await import('node-pty')) as unknown as { open(options: object): OpenedPty };
    const pty = open({});
    assert.equal(fdFlags(pty.fd) & O_CLOEXEC, 0, 'node-pty has changed: this proves nothing any more');
    assert.equal(addon.fd_adopt(pty.fd), pty.fd);
    assert.ok(fdFlags(pty.fd) & O_CLOEXEC);
    pty.master.destroy();
    pty.slave.destroy();
  });
});

/** What node-pty gives and its types leave out. */
interface OpenedPty {
  readonly fd: number;
  readonly master: { destroy(): void };
  readonly slave: { destroy(): void };
}

/** The other end is closed after the test. */
function pipeEnd(scope: Scope, index: 0 | 1): number {
  const ends = new Int32Array(2);
  assert.equal(addon.pipe_create(ends), 0);
  scope.after(() => addon.fd_close(ends[1 - index] as number));
  return ends[index] as number;
}

function dialled(scope: Scope): { dialer: number; accepted: number } {
  const path = join(temporaryDirectory(scope), 'socket');
  const listener = addon.socket_listen(path, 0o600);
  const dialer = addon.socket_connect(path);
  const accepted = addon.socket_accept(listener);
  scope.after(() => [listener, dialer, accepted].map((fd) => addon.fd_close(fd)));
  return { dialer, accepted };
}

function received(scope: Scope): number {
  const { dialer, accepted } = dialled(scope);
  assert.equal(addon.socket_send_fds(dialer, Buffer.from('x'), [0]), 1);
  return addon.socket_receive_fd(accepted, new Uint8Array(16));
}
