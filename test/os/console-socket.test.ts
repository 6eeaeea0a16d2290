/*
 * A console socket is a file in a place where others may be, and a wait that may have no end. It must not be placed
 * where a runtime cannot dial it, or over what is there already; the wait must end at its timeout, its abort and its
 * close; and afterwards neither a file nor a timer nor a watch may be left, however the process ends.
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

  leakTest('at a path leaves the directory, and close removes the socket alone', (scope) => {
    const path = join(temporaryDirectory(scope), 'given.sock');
    const socket = listen(scope, path);
    assert.equal(socket.path, path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    socket.close();
    assert.ok(existsSync(dirname(path)));
  });

  leakTest('a path of 107 bytes is dialled; one of 108 is refused with both numbers', async (scope) => {
    const place = temporaryDirectory(scope);
    const longest = join(place, 'x'.repeat(106 - place.length));
    const socket = listen(scope, longest);
    dial(scope, socket).send('x', [openMaster(scope)]);
    await receive(scope, socket);
    assert.throws(() => ConsoleSocket.listen(`${longest}x`), isError('ERR_SOCKET_PATH_TOO_LONG', /108.*107/s));
  });

  leakTest('a temporary directory whose path is too long is removed again', (scope) => {
    const deep = join(temporaryDirectory(scope), 'd'.repeat(100));
    mkdirSync(deep);
    useRuntimeDirectory(scope, deep);
    assert.throws(() => ConsoleSocket.listen(), isError('ERR_SOCKET_PATH_TOO_LONG', /107/));
    assert.deepEqual(readdirSync(join(deep, 'termshim')), []);
  });

  leakTest('a path in use is refused, and whatever is there stays', (scope) => {
    const place = temporaryDirectory(scope);
    const socket = listen(scope, join(place, 'socket'));
    assert.throws(() => ConsoleSocket.listen(socket.path), isError('ERR_SOCKET_IN_USE', /exists already/));
    assert.ok(statSync(socket.path).isSocket());
    writeFileSync(join(place, 'file'), 'kept');
    assert.throws(() => ConsoleSocket.listen(join(place, 'file')), isError('ERR_SOCKET_IN_USE', /exists already/));
    assert.equal(statSync(join(place, 'file')).size, 4);
  });

  leakTest('a directory that is not there is refused', (scope) => {
    const path = join(temporaryDirectory(scope), 'none/socket');
    assert.throws(() => ConsoleSocket.listen(path), isError('ERR_SYSTEM', /none\/socket.*ENOENT/));
  });

  leakTest('an empty path is refused', (scope) => {
    const listenNowhere = (): void => {
      const socket = ConsoleSocket.listen('');
      scope.after(() => socket.close());
    };
    assert.throws(listenNowhere, { name: 'TermshimError' });
  });

  leakTest('forty can listen at once without a warning of too many listeners', async (scope) => {
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

describe('the end of waiting', () => {
  leakTest('the timeout is an error that says where and how long', async (scope) => {
    const socket = listen(scope);
    const message = `no console came to ${socket.path} within 0.05 s`;
    await assert.rejects(socket.receive({ timeoutMs: 50 }), { code: 'ERR_CONSOLE_TIMEOUT', message });
  });

  leakTest('an abort ends the wait with its reason, before and during it', async (scope) => {
    const socket = listen(scope);
    const reason = new Error('runc failed');
    await assert.rejects(socket.receive({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
    const aborting = new AbortController();
    dial(scope, socket);
    const receiving = socket.receive({ timeoutMs: 0, signal: aborting.signal });
    setTimeout(() => aborting.abort(reason), 20);
    await assert.rejects(within(receiving, 'the abort'), (error) => error === reason);
  });

  leakTest('close ends the wait, and nothing of it stays', async (scope) => {
    const socket = listen(scope);
    const receiving = socket.receive({ timeoutMs: 1500 });
    const start = performance.now();
    socket.close();
    await assert.rejects(within(receiving, 'the end'), { code: 'ERR_CONSOLE_CLOSED' });
    await assert.rejects(socket.receive(), { code: 'ERR_CONSOLE_CLOSED' });
    assert.ok(performance.now() - start < 1000, 'the wait went on after close, until its timeout');
  });

  for (const prefix of ['receive on a closed socket', 'receive twice', 'close while receiving']) {
    test(`a process ends in spite of a console socket: ${prefix}`, async (scope) => {
      const env = { ...process.env, XDG_RUNTIME_DIR: temporaryDirectory(scope) };
      const outcome = await runFixture('os/console-socket-lets-go', [prefix, '-'], { timeout: 4000, env });
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
        const { stdout } = await runFixture('os/console-socket-lets-go', [ending, path], { env });
        assert.ok(stdout.startsWith(place), stdout);
        assert.equal(existsSync(where === 'given' ? path : dirname(stdout.trim())), false);
      });
    }
  }
});
