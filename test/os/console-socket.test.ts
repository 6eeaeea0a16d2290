/*
 * A console socket is a file in a directory that others may use, and a wait for a console may never end. The socket
 * must not have a path that a runtime cannot dial, or replace an existing file. The wait must end at its timeout, by an
 * abort signal and by close; afterwards no file, timer or watch may be left, however the process ends.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { ConsoleSocket } from '../../src/os/console-socket.js';
import { dial, isError, listen, openMaster, receive, useRuntimeDirectory } from '../helpers/copy/dialer.js';
import { runFixture } from '../helpers/base/fixture.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { within } from '../helpers/base/wait-for.js';

describe('listen', () => {
  leakTest('makes a directory with mode 0700 and a socket with 0600, and close removes both', (scope) => {
    const socket = listen(scope);
    assert.match(socket.path, /\/termshim\/of-\d+-[^/]{6}\/pty-[^/]{6}\/pty\.sock$/);
    assert.equal(statSync(dirname(socket.path)).mode & 0o777, 0o700);
    assert.equal(statSync(socket.path).mode & 0o777, 0o600);
    socket.close();
    socket.close();
    assert.equal(existsSync(dirname(socket.path)), false);
  });

  leakTest('at a path leaves the directory, and close removes only the socket', (scope) => {
    const path = join(temporaryDirectory(scope), 'given.sock');
    const socket = listen(scope, path);
    assert.equal(socket.path, path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    socket.close();
    assert.ok(existsSync(dirname(path)));
  });

  leakTest('accepts a path of 107 bytes, and refuses one of 108 with both numbers', async (scope) => {
    const place = temporaryDirectory(scope);
    const longest = join(place, 'x'.repeat(106 - place.length));
    const socket = listen(scope, longest);
    dial(scope, socket).send('x', [openMaster(scope)]);
    await receive(scope, socket);
    assert.throws(() => ConsoleSocket.listen(`${longest}x`), isError('ERR_SOCKET_PATH_TOO_LONG', /108.*107/s));
  });

  leakTest('removes a temporary directory whose path is too long', (scope) => {
    const deep = join(temporaryDirectory(scope), 'd'.repeat(100));
    mkdirSync(deep);
    useRuntimeDirectory(scope, deep);
    assert.throws(() => ConsoleSocket.listen(), isError('ERR_SOCKET_PATH_TOO_LONG', /107/));
    assert.deepEqual(readdirSync(join(deep, 'termshim')), []);
  });

  leakTest('refuses a path in use, and leaves the file there', (scope) => {
    const place = temporaryDirectory(scope);
    const socket = listen(scope, join(place, 'socket'));
    assert.throws(() => ConsoleSocket.listen(socket.path), isError('ERR_SOCKET_IN_USE', /already exists/));
    assert.ok(statSync(socket.path).isSocket());
    writeFileSync(join(place, 'file'), 'kept');
    assert.throws(() => ConsoleSocket.listen(join(place, 'file')), isError('ERR_SOCKET_IN_USE', /already exists/));
    assert.equal(statSync(join(place, 'file')).size, 4);
  });

  leakTest('refuses a directory that does not exist', (scope) => {
    const path = join(temporaryDirectory(scope), 'none/socket');
    assert.throws(() => ConsoleSocket.listen(path), isError('ERR_SYSTEM', /none\/socket.*ENOENT/));
  });

  leakTest('refuses an empty path', (scope) => {
    const listenNowhere = (): void => {
      const socket = ConsoleSocket.listen('');
      scope.after(() => socket.close());
    };
    assert.throws(listenNowhere, { name: 'TermshimError' });
  });

  leakTest('can be called forty times without a warning of too many listeners', async (scope) => {
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
  });
});

describe('a wait for a console', () => {
  leakTest('fails at its timeout, with the path and the time', async (scope) => {
    const socket = listen(scope);
    const message = `no console arrived at ${socket.path} within 0.05 s`;
    await assert.rejects(socket.receive({ timeoutMs: 50 }), { code: 'ERR_CONSOLE_TIMEOUT', message });
  });

  leakTest('fails with the reason of an abort signal, before and during the wait', async (scope) => {
    const socket = listen(scope);
    const reason = new Error('runc failed');
    await assert.rejects(socket.receive({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
    const aborting = new AbortController();
    dial(scope, socket);
    const receiving = socket.receive({ timeoutMs: 0, signal: aborting.signal });
    setTimeout(() => aborting.abort(reason), 20);
    await assert.rejects(within(receiving, 'the abort'), (error) => error === reason);
  });

  leakTest('fails when the socket is closed, and nothing of it stays', async (scope) => {
    const socket = listen(scope);
    const receiving = socket.receive({ timeoutMs: 1500 });
    const start = performance.now();
    socket.close();
    await assert.rejects(within(receiving, 'the end'), { code: 'ERR_CONSOLE_CLOSED' });
    await assert.rejects(socket.receive(), { code: 'ERR_CONSOLE_CLOSED' });
    assert.ok(performance.now() - start < 1000, 'the wait went on after close, until its timeout');
  });

  for (const prefix of ['receive on a closed socket', 'receive twice', 'close while receiving']) {
    test(`does not keep the process alive: ${prefix}`, async (scope) => {
      const env = { ...process.env, XDG_RUNTIME_DIR: temporaryDirectory(scope) };
      const outcome = await runFixture('os/console-socket-lets-go', [prefix, '-'], { timeout: 4000, env });
      assert.deepEqual(outcome, { code: 0, signal: null, stdout: 'rejected\n', stderr: '' });
    });
  }
});

describe('the directory of a console socket is removed by', () => {
  for (const ending of ['process.exit', 'an uncaught exception', 'its natural end']) {
    for (const where of ['temporary', 'given']) {
      test(`${ending}, with a ${where} path`, async (scope) => {
        const place = temporaryDirectory(scope);
        const env = { ...process.env, XDG_RUNTIME_DIR: place };
        const path = where === 'given' ? join(place, 'given.sock') : '-';
        const { stdout } = await runFixture('os/console-socket-lets-go', [ending, path], { env });
        assert.ok(stdout.startsWith(place), stdout);
        assert.equal(existsSync(where === 'given' ? path : dirname(stdout.trim())), false);
      });
    }
  }
});
