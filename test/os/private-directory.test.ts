/*
 * Sockets and FIFOs lie in directories that nobody else may enter, and that must not stay: not when the owner is done,
 * not when the process ends early. Where they lie depends on who runs us and on $XDG_RUNTIME_DIR.
 */
import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { atExit } from '../../src/os/at-exit.js';
import { createPrivateDirectory } from '../../src/os/private-directory.js';
import { useRuntimeDirectory } from '../helpers/dialer.js';
import { runFixture } from '../helpers/fixture.js';
import { leakTest } from '../helpers/leak-free.js';
import { missing } from '../helpers/requirement.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

describe('createPrivateDirectory', () => {
  leakTest('below $XDG_RUNTIME_DIR, for this user alone whatever the umask, each one new', (scope) => {
    const base = temporaryDirectory(scope);
    useRuntimeDirectory(scope, base);
    const umask = process.umask(0);
    scope.after(() => process.umask(umask));
    const [first, second] = [createPrivateDirectory('pty'), createPrivateDirectory('pty')];
    assert.match(first.path.slice(base.length), /^\/termshim\/pty-\w{6}$/);
    assert.notEqual(first.path, second.path);
    for (const path of [join(base, 'termshim'), first.path]) assert.equal(statSync(path).mode & 0o777, 0o700, path);
    first.remove();
    assert.equal(existsSync(first.path), false);
    assert.ok(existsSync(second.path));
    second.remove();
  });

  leakTest('remove takes along what is in it, and can be called twice', (scope) => {
    useRuntimeDirectory(scope, temporaryDirectory(scope));
    const { path, remove } = createPrivateDirectory('run');
    mkdirSync(join(path, 'bundle'));
    writeFileSync(join(path, 'bundle/config.json'), '{}');
    remove();
    remove();
    assert.equal(existsSync(path), false);
  });

  leakTest('where there can be none is said', (scope) => {
    const base = useRuntimeDirectory(scope);
    writeFileSync(join(base, 'termshim'), '');
    const words = /^cannot make the directory .*\/termshim: file already exists \(EEXIST\)$/;
    assert.throws(() => createPrivateDirectory('test'), { code: 'ERR_SYSTEM', message: words });
  });

  test('not in the runtime directory of another user', { skip: missing('root') }, async (scope) => {
    const base = temporaryDirectory(scope);
    chownSync(base, 65_534, 65_534);
    const env = { ...process.env, XDG_RUNTIME_DIR: base };
    const { stdout } = await runFixture('private-directories-at-exit', ['process.exit'], { env });
    assert.equal(stdout, '40 directories\n');
    assert.deepEqual(readdirSync(base), []);
  });

  for (const ending of ['process.exit', 'an uncaught exception', 'its natural end']) {
    test(`it is gone after ${ending}, with forty others`, async (scope) => {
      const base = temporaryDirectory(scope);
      const env = { ...process.env, XDG_RUNTIME_DIR: base };
      const { stdout, stderr } = await runFixture('private-directories-at-exit', [ending], { env });
      assert.equal(stdout, '40 directories\n');
      assert.doesNotMatch(stderr, /Warning/);
      assert.deepEqual(readdirSync(join(base, 'termshim')), []);
    });
  }
});

describe('atExit', () => {
  test('leaves no listener behind when all is forgotten', () => {
    const before = process.listenerCount('exit');
    const forgets = [atExit(() => {}), atExit(() => {})];
    assert.equal(process.listenerCount('exit'), before + 1);
    for (const forget of [...forgets, ...forgets]) forget();
    assert.equal(process.listenerCount('exit'), before);
  });

  test('one that fails does not keep the others from being undone', async () => {
    const { stdout } = await runFixture('at-exit-with-a-failure');
    assert.equal(stdout, 'first\nthird\n');
  });
});
