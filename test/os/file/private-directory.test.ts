/*
 * Sockets and FIFOs lie in directories that no other user may enter, and that must be removed when the owner is done
 * and when the process ends early. Their parent depends on the user and on $XDG_RUNTIME_DIR. A directory that a killed
 * process has left must be told apart from one that is being created: a cleanup at any moment of the creation must not
 * take it from its owner. The tests create, kill and clean up at the same time.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { atExit } from '../../../src/async/at-exit.js';
import { createPrivateDirectory, takeAbandonedDirectories } from '../../../src/os/file/private-directory.js';
import { openDescriptors } from '../../helpers/base/descriptors.js';
import { useRuntimeDirectory } from '../../helpers/copy/dialer.js';
import { runFixture, startFixture } from '../../helpers/base/fixture.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { missing } from '../../helpers/base/requirement.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';

describe('createPrivateDirectory', () => {
  leakTest('makes a directory below $XDG_RUNTIME_DIR, with mode 0700 for every umask', (scope) => {
    const base = temporaryDirectory(scope);
    useRuntimeDirectory(scope, base);
    const umask = process.umask(0);
    scope.after(() => process.umask(umask));
    const [first, second] = [createPrivateDirectory('pty'), createPrivateDirectory('pty')];
    assert.match(first.path.slice(base.length), new RegExp(`^/termshim/of-${process.pid}-\\w{6}/pty-\\w{6}$`));
    assert.notEqual(first.path, second.path);
    assert.equal(dirname(first.path), dirname(second.path));
    for (const path of [join(base, 'termshim'), dirname(first.path), first.path])
      assert.equal(statSync(path).mode & 0o777, 0o700, path);
    first.remove();
    assert.equal(existsSync(first.path), false);
    assert.ok(existsSync(second.path));
    second.remove();
    assert.deepEqual(readdirSync(join(base, 'termshim')), []);
  });

  leakTest('makes a directory that is removed with its files, and may be removed twice', (scope) => {
    useRuntimeDirectory(scope, temporaryDirectory(scope));
    const { path, remove } = createPrivateDirectory('run');
    mkdirSync(join(path, 'bundle'));
    writeFileSync(join(path, 'bundle/config.json'), '{}');
    remove();
    remove();
    assert.equal(existsSync(path), false);
  });

  leakTest(
    'keeps no descriptor if the directory cannot be removed, and can remove it later',
    (scope) => {
      useRuntimeDirectory(scope, temporaryDirectory(scope));
      const { path, remove } = createPrivateDirectory('run');
      const inside = join(path, 'mounted');
      mkdirSync(inside);
      execFileSync('mount', ['-t', 'tmpfs', 'none', inside]);
      let isMounted = true;
      const unmount = (): void => {
        if (isMounted) execFileSync('umount', [inside]);
        isMounted = false;
      };
      scope.after(unmount);
      const before = openDescriptors().filter((it) => !it.endsWith(basename(dirname(path))));
      // Node 24 has the kernel's words alone.
      assert.throws(remove, { code: 'ERR_SYSTEM', message: /^cannot remove .*\/run-\w{6}: .*busy/ });
      assert.deepEqual(openDescriptors(), before);
      unmount();
      remove();
      assert.equal(existsSync(path), false);
    },
    { skip: missing('root') },
  );

  leakTest('fails with the path if the directory cannot be created', (scope) => {
    const base = useRuntimeDirectory(scope);
    writeFileSync(join(base, 'termshim'), '');
    const words = /^cannot make the directory .*\/termshim: file already exists \(EEXIST\)$/;
    assert.throws(() => createPrivateDirectory('test'), { code: 'ERR_SYSTEM', message: words });
  });

  test('makes no directory in the runtime directory of another user', { skip: missing('root') }, async (scope) => {
    const base = temporaryDirectory(scope);
    chownSync(base, 65_534, 65_534);
    const env = { ...process.env, XDG_RUNTIME_DIR: base };
    const { stdout } = await runFixture('os/private-directories-at-exit', ['process.exit'], { env });
    assert.equal(stdout, '40 directories\n');
    assert.deepEqual(readdirSync(base), []);
  });

  for (const ending of ['process.exit', 'an uncaught exception', 'its natural end']) {
    test(`makes forty directories that are removed after ${ending}`, async (scope) => {
      const base = temporaryDirectory(scope);
      const env = { ...process.env, XDG_RUNTIME_DIR: base };
      const { stdout, stderr } = await runFixture('os/private-directories-at-exit', [ending], { env });
      assert.equal(stdout, '40 directories\n');
      assert.doesNotMatch(stderr, /Warning/);
      assert.deepEqual(readdirSync(join(base, 'termshim')), []);
    });
  }
});

describe('takeAbandonedPlaces', () => {
  leakTest('takes no directory of a living process, and none that was removed', (scope) => {
    useRuntimeDirectory(scope);
    const { remove } = createPrivateDirectory('test');
    assert.deepEqual(takeAbandonedDirectories(), []);
    remove();
    assert.deepEqual(takeAbandonedDirectories(), []);
  });

  leakTest('takes an abandoned directory for one cleanup only', async (scope) => {
    const base = useRuntimeDirectory(scope);
    const owner = startFixture('os/owner-of-a-directory', ['test']);
    await once(owner.stdout as NodeJS.ReadableStream, 'readable');
    owner.kill('SIGKILL');
    await once(owner, 'close');
    const [place] = takeAbandonedDirectories();
    assert.deepEqual(takeAbandonedDirectories(), []);
    assert.match(place?.directories.join() ?? '', /\/test-\w{6}$/);
    place?.close();
    const [again] = takeAbandonedDirectories();
    again?.remove();
    again?.close();
    assert.deepEqual(readdirSync(join(base, 'termshim')), []);
  });

  test('takes no directory from three processes that create and remove them all the time', async (scope) => {
    const env = { ...process.env, XDG_RUNTIME_DIR: temporaryDirectory(scope) };
    const makers = Array.from({ length: 3 }, () => runFixture('os/private-directories-under-sweep', ['make'], { env }));
    const sweeper = startFixture('os/private-directories-under-sweep', ['sweep'], { env });
    for (const { stdout, stderr, code } of await Promise.all(makers)) {
      assert.deepEqual({ stdout, stderr, code }, { stdout: '300 whole\n', stderr: '', code: 0 });
    }
    assert.equal(sweeper.exitCode, null);
    sweeper.kill('SIGKILL');
    await once(sweeper, 'exit');
  });
});

describe('atExit', () => {
  test('leaves no listener behind when all cleanups were cancelled', () => {
    const before = process.listenerCount('exit');
    const forgets = [atExit(() => {}), atExit(() => {})];
    assert.equal(process.listenerCount('exit'), before + 1);
    for (const forget of [...forgets, ...forgets]) forget();
    assert.equal(process.listenerCount('exit'), before);
  });

  test('runs the other cleanups if one fails', async () => {
    const { stdout } = await runFixture('os/at-exit-with-a-failure');
    assert.equal(stdout, 'first\nthird\n');
  });
});
