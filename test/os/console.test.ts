/*
 * A console decides what the terminal of a process does: its size, its end of file, its hang-up. The tests ask a real
 * process on the other side about each of them. A descriptor from outside may not be a console, so `adopt` gets every
 * other kind of descriptor and must close it.
 */
import assert from 'node:assert/strict';
import { constants, fstatSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { addon } from '../../src/native/addon.js';
import { Console, type Size } from '../../src/os/console.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { fdFlags } from '../helpers/base/descriptors.js';
import { fifoPair } from '../helpers/copy/fifo-pair.js';
import { makeLatch } from '../helpers/base/latch.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { type Reader, readFrom } from '../helpers/copy/reader.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import type { GroupLeader } from '../helpers/copy/process-group.js';
import { startOnTty } from '../helpers/copy/tty-process.js';
import { within } from '../helpers/base/wait-for.js';

const { O_RDONLY, O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;

function openConsole(scope: Scope, size?: Size): Console {
  const console = Console.open(size);
  scope.after(() => console.close());
  return console;
}

function startOn(scope: Scope, console: Console, script: string): { shown: Reader; leader: GroupLeader } {
  const leader = startOnTty(scope, console.name, script);
  const shown = readFrom(console.fd);
  scope.after(() => shown.close());
  return { shown, leader };
}

const type = (console: Console, text: string | Uint8Array): void => {
  const bytes = Buffer.from(text);
  assert.equal(addon.fd_write(console.fd, bytes), bytes.length);
};

describe('open', () => {
  leakTest('makes a console whose name is the path of its tty', (scope) => {
    const console = openConsole(scope);
    assert.match(console.name, /^\/dev\/pts\/\d+$/);
    const tty = OwnedFd.open(console.name, O_RDWR | O_NOCTTY, console.name);
    type(console, 'x\n');
    assert.equal(addon.fd_read(tty.fd, new Uint8Array(8)), 2);
    tty.close();
  });

  leakTest('makes a console without a size until one is set', (scope) => {
    assert.deepEqual(openConsole(scope).size, { columns: 0, rows: 0 });
    const console = openConsole(scope, { columns: 132, rows: 43 });
    assert.deepEqual(console.size, { columns: 132, rows: 43 });
    console.resize({ columns: 65535, rows: 1 });
    assert.deepEqual(console.size, { columns: 65535, rows: 1 });
  });
});

describe('adopt', () => {
  const strangers: Readonly<Record<string, (scope: Scope) => number>> = {
    'the tty of a pty': (scope) => addon.fd_open(openConsole(scope).name, O_RDWR | O_NOCTTY, 0),
    'a regular file': (scope) => {
      const path = join(temporaryDirectory(scope), 'file');
      writeFileSync(path, '');
      return addon.fd_open(path, O_RDONLY, 0);
    },
    'a FIFO': (scope) => addon.fd_duplicate(fifoPair(scope).reader.fd),
    'a socket': (scope) => addon.socket_listen(join(temporaryDirectory(scope), 'socket'), 0o600),
    '/dev/null': () => addon.fd_open('/dev/null', O_RDWR, 0),
  };
  for (const [what, make] of Object.entries(strangers)) {
    leakTest(`refuses ${what}, and closes it`, (scope) => {
      const fd = make(scope);
      assert.ok(fd >= 0);
      const expected = { name: 'TermshimError', code: 'ERR_NOT_A_CONSOLE', syscall: 'ioctl' };
      assert.throws(() => Console.adopt(fd), expected);
      assert.throws(() => fstatSync(fd), { code: 'EBADF' });
    });
  }

  leakTest('accepts a pty master, makes it non-blocking, and names its tty', () => {
    const fd = addon.tty_open_master();
    addon.fd_set_nonblocking(fd, false);
    const console = Console.adopt(fd);
    assert.ok(fdFlags(fd) & O_NONBLOCK);
    assert.equal(console.name, `/dev/pts/${addon.tty_pts_number(fd)}`);
    assert.equal(console.fd, fd);
    console.close();
    assert.equal(console.isOpen, false);
  });

  leakTest('becomes the owner of a pty master that the addon did not open', () => {
    const fd = openSync('/dev/ptmx', O_RDWR | O_NOCTTY);
    const console = Console.adopt(fd);
    console.close();
    assert.throws(() => fstatSync(fd), { code: 'EBADF' }, 'the master is still open, and its process never hung up');
  });

  leakTest('closes a refused descriptor that the addon did not open', () => {
    const fd = openSync('/dev/null', O_RDWR);
    assert.throws(() => Console.adopt(fd), { code: 'ERR_NOT_A_CONSOLE' });
    assert.throws(() => fstatSync(fd), { code: 'EBADF' }, 'the refused descriptor is still open');
  });
});

describe('the process gets', () => {
  leakTest('SIGWINCH and the new size by resize, and nothing for the same size', async (scope) => {
    const console = openConsole(scope, { columns: 80, rows: 24 });
    const script = "trap 'echo winch; stty size' WINCH; stty size; echo ready; while :; do read line && echo got; done";
    const { shown } = startOn(scope, console, script);
    await shown.expect('24 80\r\nready');
    console.resize({ columns: 100, rows: 30 });
    await shown.expect('winch\r\n30 100');
    console.resize({ columns: 100, rows: 30 });
    type(console, '\n');
    await shown.expect('got');
    assert.equal(shown.text().match(/winch/g)?.length, 1);
  });

  leakTest('newlines unchanged by clearOnlcr', async (scope) => {
    const console = openConsole(scope);
    console.clearOnlcr();
    const { shown } = startOn(scope, console, "printf 'a\\nb\\n'");
    assert.equal((await shown.all()).toString(), 'a\nb\n');
  });

  leakTest('SIGHUP by close', async (scope) => {
    const console = openConsole(scope);
    const directory = temporaryDirectory(scope);
    const { shown, leader } = startOn(
      scope,
      console,
      `trap 'exit 7' HUP; echo ready; cd ${directory}; sleep 60 & wait`,
    );
    await shown.expect('ready');
    shown.close();
    console.close();
    console.close();
    assert.equal(await within(leader.exited, 'the hang-up'), 7);
  });
});

describe('unreadInputBytes', () => {
  leakTest('counts typed bytes until the process reads them', async (scope) => {
    const console = openConsole(scope);
    const latch = makeLatch(scope);
    const script = `stty -echo; echo ready; ${latch.wait}; read line; echo "got $line"; sleep 60`;
    const { shown } = startOn(scope, console, script);
    await shown.expect('ready');
    assert.equal(console.unreadInputBytes, 0);
    type(console, 'hello\n');
    assert.equal(console.unreadInputBytes, 6);
    latch.open();
    await shown.expect('got hello');
    assert.equal(console.unreadInputBytes, 0);
  });

  leakTest('does not end the copy of the output, and does not end the process', async (scope) => {
    const console = openConsole(scope);
    const { shown, leader } = startOn(scope, console, 'echo ready; exec cat');
    await shown.expect('ready');
    for (let i = 0; i < 10; i++) assert.equal(console.unreadInputBytes, 0);
    type(console, 'x\n');
    await shown.expect('x\r\nx\r\n');
    assert.equal(shown.hasEnded, false);
    assert.equal(leader.hasExited, false);
  });
});

describe('endOfFile', () => {
  leakTest('types one VEOF on an empty line, which ends cat', async (scope) => {
    const console = openConsole(scope);
    const { shown, leader } = startOn(scope, console, 'echo ready; cat');
    await shown.expect('ready');
    assert.deepEqual([...console.endOfFile(true)], [4]);
    type(console, console.endOfFile(true));
    assert.equal(await within(leader.exited, 'the end of cat'), 0);
  });

  leakTest('types two VEOF after half a line, which arrives', async (scope) => {
    const console = openConsole(scope);
    const { shown, leader } = startOn(scope, console, 'stty -echo; echo ready; cat');
    await shown.expect('ready\r\n');
    assert.deepEqual([...console.endOfFile(false)], [4, 4]);
    type(console, 'half');
    type(console, console.endOfFile(false));
    assert.equal(await within(leader.exited, 'the end of cat'), 0);
    assert.equal((await shown.all()).toString(), 'ready\r\nhalf');
  });

  leakTest('types the character that the process has chosen', async (scope) => {
    const console = openConsole(scope);
    const { shown } = startOn(scope, console, "stty eof '^X'; echo ready; read line");
    await shown.expect('ready');
    assert.deepEqual([...console.endOfFile(true)], [0x18]);
  });

  leakTest('types one character in raw mode, where it is a key like any other', async (scope) => {
    const console = openConsole(scope);
    const { shown } = startOn(scope, console, 'stty raw -echo; echo ready; head -c 1 | od -An -tx1');
    await shown.expect('ready');
    assert.deepEqual([...console.endOfFile(false)], [4]);
    type(console, console.endOfFile(false));
    await shown.expect('04');
  });
});

leakTest('every function of a closed console fails', () => {
  const console = Console.open();
  console.close();
  assert.throws(() => console.fd, { code: 'ERR_SYSTEM', errno: 'EBADF' });
  assert.throws(() => console.resize({ columns: 1, rows: 1 }), { errno: 'EBADF' });
  assert.throws(() => console.size, { errno: 'EBADF' });
});
