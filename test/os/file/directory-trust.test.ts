/*
 * The daemon trusts the files of a directory because no other user can put them there. What could break: a link, a
 * directory of another user, or one that others may write to is trusted, itself or as a parent; a sticky /tmp is
 * refused, so a user without $XDG_RUNTIME_DIR cannot work; or the launcher has another rule. Each case is a real
 * directory; root and another user check it.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { placeOfUser } from '../../../src/os/file/runtime-directory.js';
import { assertTrusted, isTrusted, makePrivateDirectory } from '../../../src/os/file/directory-trust.js';
import { trustedDirectoryElsewhere } from '../../../src/os/file/directory-trust-in-child.js';
import { isError, useRuntimeDirectory } from '../../helpers/copy/dialer.js';
import { runFixture } from '../../helpers/base/fixture.js';
import { missing } from '../../helpers/base/requirement.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';

const limits = { timeoutMs: 20_000 };
const stranger = 65_533;
const nobody = 65_534;

function make(path: string, mode: number, uid?: number): string {
  mkdirSync(path);
  if (uid !== undefined) chownSync(path, uid, uid);
  chmodSync(path, mode);
  return path;
}

interface Case {
  title: string;
  words: RegExp;
  needs?: string | false;
  /** Returns the directory that is looked at. */
  open: (top: string) => string;
}

const unsafe: readonly Case[] = [
  {
    title: 'a link to a directory that is ours',
    words: /\/link is a link, not a directory of this user$/,
    open(top) {
      symlinkSync(make(join(top, 'real'), 0o700), join(top, 'link'));
      return join(top, 'link');
    },
  },
  {
    title: 'a directory of another user',
    words: /\/theirs is not a directory of this user$/,
    needs: missing('root'),
    open: (top) => make(join(top, 'theirs'), 0o700, stranger),
  },
  {
    title: 'writable for everybody, with a sticky bit',
    words: /^other users may write to .*\/open \(mode 1777\)$/,
    open: (top) => make(join(top, 'open'), 0o1777),
  },
  {
    title: 'writable for its group',
    words: /^other users may write to .*\/group \(mode 0770\)$/,
    open: (top) => make(join(top, 'group'), 0o770),
  },
  {
    title: 'in a directory that everybody may write to, without a sticky bit',
    words: /^other users could replace .*\/own, because they may write to .*\/open \(mode 0777\)$/,
    open: (top) => make(join(make(join(top, 'open'), 0o777), 'own'), 0o700),
  },
  {
    title: 'deeper below such a directory',
    words: /^other users could replace .*, because they may write to .*\/open \(mode 0777\)$/,
    open: (top) => make(join(make(join(make(join(top, 'open'), 0o777), 'a'), 0o755), 'own'), 0o700),
  },
  {
    title: 'below a directory of another user',
    words: /^user 65533 could replace .*\/own, because .*\/theirs belongs to this user$/,
    needs: missing('root'),
    open: (top) => make(join(make(join(top, 'theirs'), 0o755, stranger), 'own'), 0o700),
  },
  {
    title: 'behind a link, below such a directory',
    words: /^other users could replace .*, because they may write to .*\/open \(mode 0777\)$/,
    open(top) {
      const open = make(join(top, 'open'), 0o777);
      make(join(open, 'own'), 0o700);
      symlinkSync(open, join(top, 'link'));
      return join(top, 'link', 'own');
    },
  },
];

describe('a directory is not trusted if it is', () => {
  for (const { title, words, needs = false, open } of unsafe) {
    test(title, { skip: needs }, async (t) => {
      const path = open(temporaryDirectory(t));
      const { mode: before } = lstatSync(path);
      // There a link is followed, and what it leads to is looked at.
      const elsewhere = trustedDirectoryElsewhere(path, 'ours', limits);
      if (lstatSync(path).isSymbolicLink()) assert.equal(await elsewhere, realpathSync(path));
      else await assert.rejects(elsewhere, isError('ERR_DIRECTORY_UNSAFE', words));
      assert.throws(() => assertTrusted(path, 'ours'), isError('ERR_DIRECTORY_UNSAFE', words));
      assert.throws(() => makePrivateDirectory(path), isError('ERR_DIRECTORY_UNSAFE', words));
      assert.equal(isTrusted(path, 'ours'), false);
      assert.equal(lstatSync(path).mode, before);
    });
  }

  test('a file, in the view of another process too', async (t) => {
    const file = join(temporaryDirectory(t), 'file');
    writeFileSync(file, '');
    for (const [path, words] of [
      [file, 'it is not a directory'],
      ['/nonexistent', 'ENOENT: no such file or directory'],
      [`${file}/x`, 'ENOTDIR: not a directory'],
    ] as const) {
      const message = `cannot access the directory ${path}: ${words}`;
      await assert.rejects(trustedDirectoryElsewhere(path, 'ours', limits), { code: 'ERR_SYSTEM', message });
    }
    assert.throws(
      () => assertTrusted('/dev/null', 'ours'),
      isError('ERR_DIRECTORY_UNSAFE', /^\/dev\/null is not a dir/),
    );
    assert.equal(isTrusted('/nonexistent', 'ours'), false);
    assert.equal(isTrusted('/dev/null/x', 'ours'), false);
  });
});

describe('a directory is trusted', () => {
  test('if it belongs to this user, and a sticky bit protects it in its parent', async (t) => {
    const top = temporaryDirectory(t);
    const sticky = make(join(top, 'sticky'), 0o1777);
    for (const mode of [0o700, 0o755, 0o711]) {
      const path = make(join(sticky, `${mode}`), mode);
      assertTrusted(path, 'ours');
      assert.equal(isTrusted(path, 'ours'), true);
      assert.equal(await trustedDirectoryElsewhere(path, 'ours', limits), realpathSync(path));
    }
  });

  test('if it was missing and is created for this user alone', (t) => {
    const path = join(temporaryDirectory(t), 'a/b');
    assertTrusted(path, 'ours');
    makePrivateDirectory(path);
    assert.equal(lstatSync(path).mode & 0o7777, 0o700);
  });

  test('if it belongs to root and the caller allows that', { skip: missing('root') }, async () => {
    const { stdout } = await asNobody('/usr', 'ours or root');
    assert.equal(stdout, 'trusted\n');
    assert.match((await asNobody('/usr', 'ours')).stdout, /^\/usr is not a directory of this user\n$/);
  });

  test('if it belongs to root of the host, seen from a user namespace, and the caller allows that', {
    skip: missing('root'),
  }, async (t) => {
    const path = make(join(temporaryDirectory(t), 'own'), 0o700, nobody);
    chmodSync(join(path, '..'), 0o711);
    const unshare = ['setpriv', '--reuid', `${nobody}`, '--regid', `${nobody}`, '--clear-groups', 'unshare', '-r'];
    const { stdout } = await runFixture('os/is-trusted', [path, 'ours', ...unshare]);
    assert.equal(stdout, 'trusted\n');
  });
});

describe('the runtime directory of a user', () => {
  const inRun = (): string => (process.geteuid?.() === 0 ? '/run/t' : join(tmpdir(), `t-${process.geteuid?.()}`));

  test('is below $XDG_RUNTIME_DIR if that is trusted', (t) => {
    const base = useRuntimeDirectory(t);
    assert.equal(placeOfUser('t'), join(base, 't'));
  });

  for (const { title, needs = false, open } of unsafe) {
    test(`is not below $XDG_RUNTIME_DIR if that is ${title}`, { skip: needs }, (t) => {
      useRuntimeDirectory(t, open(temporaryDirectory(t)));
      assert.equal(placeOfUser('t'), inRun());
    });
  }

  for (const [mode, outcome] of [
    [0o1777, /^made\n$/],
    [0o777, /^other users could replace .*\/termshim-65534, because they may write to .* \(mode 0777\)\n$/],
  ] as const) {
    test(`is below the directory of temporary files if that has mode ${mode.toString(8)}`, {
      skip: missing('root'),
    }, async (t) => {
      const top = temporaryDirectory(t);
      chmodSync(top, 0o711);
      const env = { ...process.env, XDG_RUNTIME_DIR: '', TMPDIR: make(join(top, 'tmp'), mode) };
      const { stdout } = await runFixture('os/is-trusted', ['make'], { env, uid: nobody, gid: nobody, cwd: '/' });
      assert.match(stdout, outcome);
    });
  }

  test('is refused if another user has created a directory or a link there', { skip: missing('root') }, async (t) => {
    const top = temporaryDirectory(t);
    chmodSync(top, 0o711);
    const tmp = make(join(top, 'tmp'), 0o1777);
    const place = join(tmp, `termshim-${nobody}`);
    const env = { ...process.env, XDG_RUNTIME_DIR: '', TMPDIR: tmp };
    const run = () => runFixture('os/is-trusted', ['make'], { env, uid: nobody, gid: nobody, cwd: '/' });
    make(place, 0o777, stranger);
    assert.match((await run()).stdout, /termshim-65534 is not a directory of this user\n$/);
    renameSync(place, join(tmp, 'other'));
    symlinkSync(make(join(top, 'own'), 0o700, nobody), place);
    assert.match((await run()).stdout, /termshim-65534 is a link, not a directory of this user\n$/);
    assert.equal(realpathSync(place), join(top, 'own'));
  });
});

function asNobody(path: string, owner: string): Promise<{ stdout: string }> {
  return runFixture('os/is-trusted', [path, owner], { uid: nobody, gid: nobody, cwd: '/' });
}
