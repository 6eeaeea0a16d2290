/*
 * The console socket is a door that anybody of our user may knock at, in any way: with no descriptor, with two, with a
 * file, with garbage, saying nothing at all. A wrong dialer must be told from a good one, must cost no descriptor, and a
 * silent one must not hold up the runtime that comes after it. After success, failure, timeout and abort alike the
 * directory is gone and the next console can be received.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { addon } from '../../src/native/addon.js';
import type { Console } from '../../src/os/console.js';
import { ConsoleSocket, type ReceiveOptions } from '../../src/os/console-socket.js';
import type { TermshimError } from '../../src/os/errors.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { runFixture } from '../helpers/fixture.js';
import { type Scope, leakFree } from '../helpers/leak-free.js';
import { missing } from '../helpers/requirement.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { within } from '../helpers/wait-for.js';

const { O_RDONLY, O_RDWR, O_NOCTTY } = constants;
const runtimeDirectory = process.env['XDG_RUNTIME_DIR'];
let directory = '';

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'termshim-test-'));
  process.env['XDG_RUNTIME_DIR'] = directory;
});

after(() => {
  rmSync(directory, { recursive: true });
  if (runtimeDirectory === undefined) delete process.env['XDG_RUNTIME_DIR'];
  else process.env['XDG_RUNTIME_DIR'] = runtimeDirectory;
});

function listen(scope: Scope, path?: string): ConsoleSocket {
  const socket = ConsoleSocket.listen(path);
  scope.after(() => {
    socket.close();
    assert.equal(existsSync(path ?? dirname(socket.path)), false);
  });
  return socket;
}

/** A dialer, as a runtime is one: it connects, sends, and goes on holding its end until the test is over. */
function dial(scope: Scope, socket: ConsoleSocket): { send(data: Uint8Array | string, fds: number[]): void; leave(): void } {
  const dialer = new OwnedFd(addon.socket_connect(socket.path), 'the dialer of a test');
  scope.after(() => dialer.close());
  return {
    send(data, fds) {
      const bytes = Buffer.from(data);
      assert.equal(addon.socket_send_fds(dialer.fd, bytes, fds), bytes.length);
    },
    leave: () => dialer.close(),
  };
}

function master(scope: Scope): number {
  const fd = new OwnedFd(addon.tty_open_master(), 'the master of a test');
  scope.after(() => fd.close());
  return fd.fd;
}

async function receive(scope: Scope, socket: ConsoleSocket, options: ReceiveOptions = {}): Promise<Console> {
  const console = await within(socket.receive({ timeoutMs: 5000, ...options }), 'a console');
  scope.after(() => console.close());
  return console;
}

function fails(code: string, words: RegExp): (error: unknown) => boolean {
  return (error) => {
    const { code: got, message } = error as TermshimError;
    assert.equal(got, code);
    assert.match(message, words);
    return true;
  };
}

describe('listen', () => {
  test('in a directory of its own: 0700, the socket 0600, both gone after close', leakFree((scope) => {
    const socket = listen(scope);
    assert.match(socket.path, /\/termshim\/pty-[^/]{6}\/pty\.sock$/);
    assert.equal(statSync(dirname(socket.path)).mode & 0o777, 0o700);
    assert.equal(statSync(socket.path).mode & 0o777, 0o600);
    socket.close();
    socket.close();
    assert.equal(existsSync(dirname(socket.path)), false);
  }));

  test('at a path: only the socket is removed', leakFree((scope) => {
    const path = join(temporaryDirectory(scope), 'given.sock');
    const socket = listen(scope, path);
    assert.equal(socket.path, path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    socket.close();
    assert.ok(existsSync(dirname(path)));
  }));

  test('a path of 107 bytes is dialled; one of 108 is refused with both numbers', leakFree(async (scope) => {
    const place = temporaryDirectory(scope);
    const longest = join(place, 'x'.repeat(106 - place.length));
    const socket = listen(scope, longest);
    dial(scope, socket).send('x', [master(scope)]);
    await receive(scope, socket);
    assert.throws(() => ConsoleSocket.listen(`${longest}x`), fails('ERR_SOCKET_PATH_TOO_LONG', /108.*107/s));
  }));

  test('a temporary directory whose path is too long is removed again', leakFree((scope) => {
    const deep = join(temporaryDirectory(scope), 'd'.repeat(100));
    mkdirSync(deep);
    process.env['XDG_RUNTIME_DIR'] = deep;
    try {
      assert.throws(() => ConsoleSocket.listen(), fails('ERR_SOCKET_PATH_TOO_LONG', /107/));
      assert.deepEqual(readdirSync(join(deep, 'termshim')), []);
    } finally {
      process.env['XDG_RUNTIME_DIR'] = directory;
    }
  }));

  test('a path in use is refused, and whatever is there stays', leakFree((scope) => {
    const place = temporaryDirectory(scope);
    const socket = listen(scope, join(place, 'socket'));
    assert.throws(() => ConsoleSocket.listen(socket.path), fails('ERR_SOCKET_IN_USE', /exists already/));
    assert.ok(statSync(socket.path).isSocket());
    writeFileSync(join(place, 'file'), 'kept');
    assert.throws(() => ConsoleSocket.listen(join(place, 'file')), fails('ERR_SOCKET_IN_USE', /exists already/));
    assert.equal(statSync(join(place, 'file')).size, 4);
  }));

  test('a directory that is not there, and an empty path, are refused', leakFree((scope) => {
    const path = join(temporaryDirectory(scope), 'none/socket');
    assert.throws(() => ConsoleSocket.listen(path), fails('ERR_SYSTEM', /none\/socket.*ENOENT/));
    assert.throws(() => ConsoleSocket.listen(''), { name: 'TermshimError' });
  }));

  test('forty at once, with no warning of too many listeners', leakFree(async (scope) => {
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', onWarning);
    scope.after(() => process.off('warning', onWarning));
    const place = temporaryDirectory(scope);
    for (let i = 0; i < 20; i++) {
      listen(scope);
      listen(scope, join(place, `${i}`));
    }
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(warnings, []);
  }));
});

describe('a good dialer', () => {
  test('sends a master: the console is the same pty, its name the one that was sent', leakFree(async (scope) => {
    const socket = listen(scope);
    const sent = master(scope);
    dial(scope, socket).send('/dev/pts/3', [sent]);
    const console = await receive(scope, socket);
    assert.equal(console.name, '/dev/pts/3');
    assert.notEqual(console.fd, sent);
    assert.equal(addon.tty_pts_number(console.fd), addon.tty_pts_number(sent));
  }));

  const names: readonly (readonly [string, Uint8Array | string, RegExp])[] = [
    ['with a zero at its end', '/dev/pts/3\0', /^\/dev\/pts\/3$/],
    ['of one zero byte', new Uint8Array(1), /^\/dev\/pts\/\d+$/],
    ['that is no path', 'orphan-pts-master', /^orphan-pts-master$/],
    ['of 5000 bytes', 'n'.repeat(5000), /^n{4095}$/],
    ['that is not UTF-8', Buffer.from([0xff, 0xfe, 0x41]), /A$/],
  ];
  for (const [what, name, expected] of names) {
    test(`sends a name ${what}`, leakFree(async (scope) => {
      const socket = listen(scope);
      dial(scope, socket).send(name, [master(scope)]);
      assert.match((await receive(scope, socket)).name, expected);
    }));
  }

  test('may come before receive, after it, and send late', leakFree(async (scope) => {
    const socket = listen(scope);
    dial(scope, socket).send('early', [master(scope)]);
    assert.equal((await receive(scope, socket)).name, 'early');
    const receiving = receive(scope, socket);
    dial(scope, socket).send('after', [master(scope)]);
    assert.equal((await receiving).name, 'after');
    const slow = dial(scope, socket);
    setTimeout(() => slow.send('late', [master(scope)]), 30);
    assert.equal((await receive(scope, socket)).name, 'late');
  }));

  test('leaves at once after sending', leakFree(async (scope) => {
    const socket = listen(scope);
    const dialer = dial(scope, socket);
    dialer.send('x', [master(scope)]);
    dialer.leave();
    await receive(scope, socket);
  }));

  test('wins over silent dialers before it, whose connections are dropped', leakFree(async (scope) => {
    const socket = listen(scope);
    for (let i = 0; i < 5; i++) dial(scope, socket);
    const receiving = receive(scope, socket);
    dial(scope, socket);
    dial(scope, socket).send('good', [master(scope)]);
    assert.equal((await receiving).name, 'good');
  }));

  test('two at once: one console is received, the other’s is closed or left for the next receive', leakFree(
    async (scope) => {
      const socket = listen(scope);
      for (const name of ['first', 'second']) dial(scope, socket).send(name, [master(scope)]);
      const { name } = await receive(scope, socket);
      assert.ok(['first', 'second'].includes(name));
    },
  ));
});

describe('a bad dialer', () => {
  const rows: readonly (readonly [string, (scope: Scope, socket: ConsoleSocket) => void, string, RegExp])[] = [
    [
      'sends no descriptor',
      (scope, socket) => dial(scope, socket).send('/dev/pts/3', []),
      'ERR_CONSOLE_MESSAGE',
      /carries no descriptor/,
    ],
    [
      'sends two',
      (scope, socket) => dial(scope, socket).send('x', [master(scope), master(scope)]),
      'ERR_CONSOLE_MESSAGE',
      /more than one descriptor/,
    ],
    [
      'sends 253',
      (scope, socket) => dial(scope, socket).send('x', new Array<number>(253).fill(master(scope))),
      'ERR_CONSOLE_MESSAGE',
      /more than one descriptor/,
    ],
    ['sends a file', (scope, socket) => sendOpened(scope, socket, '/proc/self/stat'), 'ERR_NOT_A_CONSOLE', /pty master/],
    ['sends /dev/null', (scope, socket) => sendOpened(scope, socket, '/dev/null'), 'ERR_NOT_A_CONSOLE', /pty master/],
    [
      'sends the tty',
      (scope, socket) => sendOpened(scope, socket, `/dev/pts/${addon.tty_pts_number(master(scope))}`),
      'ERR_NOT_A_CONSOLE',
      /pty master/,
    ],
    [
      'sends garbage',
      (scope, socket) => dial(scope, socket).send(Buffer.alloc(50_000, 0xa5), []),
      'ERR_CONSOLE_MESSAGE',
      /carries no descriptor/,
    ],
    ['leaves at once', (scope, socket) => dial(scope, socket).leave(), 'ERR_CONSOLE_MESSAGE', /left without/],
    ['is silent', (scope, socket) => void dial(scope, socket), 'ERR_CONSOLE_TIMEOUT', /within 0.1 s/],
    ['does not come', () => {}, 'ERR_CONSOLE_TIMEOUT', /within 0.1 s/],
  ];
  for (const [what, act, code, words] of rows) {
    for (const isEarly of [true, false]) {
      test(`${what} (${isEarly ? 'before' : 'after'} receive)`, leakFree(async (scope) => {
        const socket = listen(scope);
        if (isEarly) act(scope, socket);
        const receiving = socket.receive({ timeoutMs: code === 'ERR_CONSOLE_TIMEOUT' ? 100 : 5000 });
        if (!isEarly) act(scope, socket);
        await assert.rejects(within(receiving, 'the fault'), fails(code, words));
        const next = dial(scope, socket);
        next.send('good', [master(scope)]);
        assert.equal((await receive(scope, socket)).name, 'good', 'the socket goes on listening');
      }));
    }
  }

  test('of another user is turned away, and the good one after it wins', { skip: missing('root') }, leakFree(
    async (scope) => {
      const place = temporaryDirectory(scope);
      const socket = listen(scope, join(place, 'socket'));
      for (const path of [place, socket.path]) chmodSync(path, 0o777);
      const receiving = receive(scope, socket);
      const script = "require('net').connect(process.argv[1]).on('end', () => console.log('turned away')).resume()";
      const stranger = spawn(process.execPath, ['-e', script, socket.path], { uid: 65534, gid: 65534 });
      assert.equal(await within(text(stranger.stdout), 'the stranger'), 'turned away\n');
      dial(scope, socket).send('good', [master(scope)]);
      assert.equal((await receiving).name, 'good');
    },
  ));
});

function sendOpened(scope: Scope, socket: ConsoleSocket, path: string): void {
  const file = OwnedFd.open(path, path.startsWith('/dev') ? O_RDWR | O_NOCTTY : O_RDONLY, path);
  scope.after(() => file.close());
  dial(scope, socket).send('/dev/pts/3', [file.fd]);
}

describe('the end of waiting', () => {
  test('the timeout says where and how long', leakFree(async (scope) => {
    const socket = listen(scope);
    const message = `no console came to ${socket.path} within 0.05 s`;
    await assert.rejects(socket.receive({ timeoutMs: 50 }), { code: 'ERR_CONSOLE_TIMEOUT', message });
  }));

  test('an abort ends it with the reason, before and while it waits', leakFree(async (scope) => {
    const socket = listen(scope);
    const reason = new Error('runc failed');
    await assert.rejects(socket.receive({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
    const aborting = new AbortController();
    dial(scope, socket);
    const receiving = socket.receive({ timeoutMs: 0, signal: aborting.signal });
    setTimeout(() => aborting.abort(reason), 20);
    await assert.rejects(within(receiving, 'the abort'), (error) => error === reason);
  }));

  test('close while it waits: the wait ends, and nothing of it stays', leakFree(async (scope) => {
    const socket = listen(scope);
    const receiving = socket.receive({ timeoutMs: 1500 });
    const start = performance.now();
    socket.close();
    await assert.rejects(within(receiving, 'the end'), { name: 'TermshimError' });
    assert.ok(performance.now() - start < 1000, 'the wait went on after close, until its timeout');
  }));

  for (const prefix of ['receive on a closed socket', 'receive twice', 'close while receiving']) {
    test(`no timer and no watch keeps the process: ${prefix}`, async () => {
      const outcome = await runFixture('console-socket-lets-go', [prefix, '-'], { timeout: 4000 });
      assert.deepEqual(outcome, { code: 0, signal: null, stdout: 'rejected\n', stderr: '' });
    });
  }
});

describe('the directory is gone after', () => {
  for (const ending of ['process.exit', 'an uncaught exception', 'its natural end']) {
    for (const where of ['temporary', 'given']) {
      test(`${ending}, with a ${where} path`, async (scope) => {
        const place = temporaryDirectory(scope);
        const env = { ...process.env, XDG_RUNTIME_DIR: place };
        const path = where === 'given' ? join(place, 'given.sock') : '-';
        const { stdout } = await runFixture('console-socket-lets-go', [ending, path], { env });
        assert.ok(stdout.startsWith(place), stdout);
        assert.equal(existsSync(stdout.trim()), false);
        rmSync(join(place, 'termshim'), { recursive: true, force: true });
      });
    }
  }
});
