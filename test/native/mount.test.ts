/*
 * The answers of the calls that mount: errors by number, since the callers tell `nothing is mounted there` from a failure
 * by these alone. What a path of an image names is looked up without being opened, or a FIFO in it would hold up the
 * daemon. Real mounts need root; the rest does not.
 */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { addon } from '../../src/native/addon.js';
import { createFifo } from '../../src/os/fifo-stream.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { leakTest } from '../helpers/leak-free.js';
import { missing } from '../helpers/requirement.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

const { EINVAL, ELOOP, ENAMETOOLONG, ENODEV, ENOENT, ENOTDIR } = constants.errno;
const [MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC] = [1, 2, 4, 8];
const MNT_DETACH = 2;

describe('what does not fit', () => {
  test('a path of 4096 bytes, data of a page', () => {
    const long = 'x'.repeat(4096);
    assert.equal(addon.mount(long, '/', 'tmpfs', 0, ''), -ENAMETOOLONG);
    assert.equal(addon.mount('', long, 'tmpfs', 0, ''), -ENAMETOOLONG);
    assert.equal(addon.mount('', '/', 'tmpfs', 0, long), -ENAMETOOLONG);
    assert.equal(addon.unmount(long, 0), -ENAMETOOLONG);
    assert.equal(addon.mount_flags(long), -ENAMETOOLONG);
    assert.equal(addon.mount_open_inside(long, 'x'), -ENAMETOOLONG);
    assert.equal(addon.mount_open_inside('/', long), -ENAMETOOLONG);
  });

  test('a zero byte', () => {
    assert.equal(addon.mount('\0', '/', 'tmpfs', 0, ''), -EINVAL);
    assert.equal(addon.mount('', '/', 'tmpfs', 0, 'size=1\0'), -EINVAL);
    assert.equal(addon.unmount('/\0', 0), -EINVAL);
  });
});

describe('mount', () => {
  leakTest(
    'mounts, tells its flags, unmounts, once',
    (scope) => {
      const path = temporaryDirectory(scope);
      scope.after(() => addon.unmount(path, MNT_DETACH));
      assert.equal(addon.mount('none', path, 'tmpfs', MS_NOSUID | MS_NOEXEC, 'size=1m'), 0);
      assert.equal(addon.mount_flags(path), MS_NOSUID | MS_NOEXEC);
      assert.equal(addon.mount('none', path, 'tmpfs', MS_RDONLY | MS_NODEV, ''), 0);
      assert.equal(addon.mount_flags(path), MS_RDONLY | MS_NODEV);
      assert.equal(addon.unmount(path, 0), 0);
      assert.equal(addon.mount_flags(path), MS_NOSUID | MS_NOEXEC);
      assert.equal(addon.unmount(path, 0), 0);
      assert.equal(addon.unmount(path, 0), -EINVAL);
    },
    { skip: missing('root') },
  );

  leakTest(
    'fails with the errno of mount(2)',
    (scope) => {
      const path = temporaryDirectory(scope);
      assert.equal(addon.mount('none', path, 'nofs', 0, ''), -ENODEV);
      assert.equal(addon.mount('none', join(path, 'none'), 'tmpfs', 0, ''), -ENOENT);
      assert.equal(addon.mount('none', path, 'tmpfs', 0, 'nothing=1'), -EINVAL);
      assert.equal(addon.unmount(join(path, 'none'), 0), -ENOENT);
    },
    { skip: missing('root') },
  );

  test('mount_flags of nothing', () => {
    assert.equal(addon.mount_flags('/no/such/file'), -ENOENT);
  });
});

describe('mount_open_inside', () => {
  /** The path that it found, seen from the root, or -errno. */
  function find(root: string, path: string): string | number {
    const fd = addon.mount_open_inside(root, path);
    if (fd < 0) return fd;
    using place = new OwnedFd(fd, 'of a test');
    return readlinkSync(`/proc/self/fd/${place.fd}`).replace(root, '');
  }

  leakTest('stays in the root, wherever the path leads', (scope) => {
    const root = temporaryDirectory(scope);
    mkdirSync(join(root, 'a/b'), { recursive: true });
    symlinkSync('/a', join(root, 'absolute'));
    symlinkSync('../../../a/b', join(root, 'a/relative'));
    symlinkSync('loop', join(root, 'loop'));
    const rows: Readonly<Record<string, string | number>> = {
      'a/b': '/a/b',
      '/a/b': '/a/b',
      '..': '',
      '/': '',
      '../../../a': '/a',
      absolute: '/a',
      'absolute/b/../relative': '/a/b',
      'absolute/../..': '',
      none: -ENOENT,
      'a/none/..': -ENOENT,
      '': -ENOENT,
      loop: -ELOOP,
    };
    for (const [path, expected] of Object.entries(rows)) assert.equal(find(root, path), expected, path);
  });

  leakTest('does not open what it finds', (scope) => {
    const root = temporaryDirectory(scope);
    createFifo(join(root, 'fifo'));
    assert.equal(find(root, 'fifo'), '/fifo');
  });

  leakTest('wants a directory for the root', (scope) => {
    const file = join(temporaryDirectory(scope), 'file');
    writeFileSync(file, '');
    assert.equal(find(file, 'x'), -ENOTDIR);
    assert.equal(find(`${file}-none`, 'x'), -ENOENT);
  });
});
