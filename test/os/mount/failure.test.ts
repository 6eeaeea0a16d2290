/*
 * A mount can fail for reasons that nobody foresees, after others have been made. What stays mounted then belongs to
 * nobody, and what is unmounted too much belongs to somebody else. So each kind of failure is forced in the last mount of
 * a row, in each of its steps, and what the kernel lists afterwards must be what it listed before.
 */
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type Mount } from '../../../src/os/mount/mount.js';
import { mountAll, unmountAll } from '../../../src/os/mount/mount-all.js';
import { runFixture } from '../../helpers/base/fixture.js';
import {
  type MountTestbed,
  bind,
  bindAt,
  mountTest,
  mountsAt,
  overlay,
  tmpfs,
  tmpfsAt,
} from '../../helpers/base/mounts.js';

describe('the error names the mount and the reason, and the mounts before it are undone', () => {
  const missingLayer = `lowerdir=/:/no/layer${':/'.repeat(2100)}`;
  const rows: Readonly<Record<string, readonly [Mount, string, RegExp]>> = {
    'no such source': [bind('/no/such', 'bind'), 'ENOENT', /^cannot mount bind \/no\/such at .*root: no such file/],
    'no such target': [tmpfsAt('/no/where'), 'ENOENT', /^cannot mount tmpfs tmpfs at .*\/root\/no\/where: no such/],
    'no such file system': [{ ...tmpfs(), type: 'nofs' }, 'ENODEV', /^cannot mount nofs tmpfs at .* \(ENODEV\)$/],
    'no such option': [tmpfs('constructor'), 'EINVAL', /^cannot mount tmpfs tmpfs at .* \(EINVAL\)$/],
    'no such option of a remount': [tmpfs('remount', 'constructor'), 'EINVAL', /^cannot mount tmpfs/],
    'too many options': [tmpfs('x'.repeat(4096)), 'ENAMETOOLONG', /^cannot mount tmpfs/],
    'no such layer': [
      overlay(missingLayer),
      'ENOENT',
      /^cannot open the lower directory \/no\/layer of overlay overlay at/,
    ],
  };
  for (const [what, [mount, errno, message]] of Object.entries(rows)) {
    mountTest(what, async ({ root }) => {
      const failed = { name: 'TermshimError', code: 'ERR_MOUNT_FAILED', errno, message };
      await assert.rejects(mountAll([tmpfs(), tmpfs('shared'), mount], root), failed);
      assert.deepEqual(mountsAt(root), []);
    });
  }

  const refused: Readonly<Record<string, Partial<Mount>>> = {
    'the option X-containerd.mkdir.path=/x is not supported': { options: ['X-containerd.mkdir.path=/x'] },
    'the option x-systemd.automount is not supported': { options: ['loop', 'x-systemd.automount'] },
    'the option loop=/dev/loop3 is not supported': { options: ['loop=/dev/loop3'] },
    'the option offset=4096 is not supported': { options: ['loop', 'offset=4096'] },
    "the type format/mkdir/overlay is for containerd's mount manager": { type: 'format/mkdir/overlay' },
    "the type loop is for containerd's mount manager": { type: 'loop' },
    'uidmap and gidmap are only supported together': { options: ['uidmap=0:1000:1'] },
    'a remount with uidmap and gidmap is not supported': { options: ['remount', 'uidmap=0:1:1', 'gidmap=0:1:1'] },
    'uidmap=0:1 is not INSIDE:OUTSIDE:COUNT, or several between commas': { options: ['uidmap=0:1', 'gidmap=0:1:1'] },
    'gidmap=0:-1:1 is not INSIDE:OUTSIDE:COUNT, or several between commas': {
      options: ['uidmap=0:1:1', 'gidmap=0:-1:1'],
    },
    'there are more than 64 propagations': { options: Array.from({ length: 65 }, () => 'shared') },
    'there are more than 500 options': { type: 'fuse3.x', options: Array.from({ length: 501 }, () => 'o') },
  };
  for (const [reason, more] of Object.entries(refused)) {
    test(`what is not done is refused by name: ${reason}`, async () => {
      const mount = { type: 'ext4', source: '/disk', options: [], ...more };
      const message = `cannot mount ${mount.type} /disk at /mnt: ${reason}`;
      await assert.rejects(mountAll([mount], '/mnt'), { code: 'ERR_MOUNT_FAILED', message });
    });
  }
});

mountTest('what was mounted before the call is left alone, and so is what was remounted', async ({ root }) => {
  await mountAll([tmpfs()], root);
  const failing = tmpfs('remount', 'constructor');
  await assert.rejects(mountAll([tmpfs(), tmpfs('remount', 'ro'), failing], root), { errno: 'EINVAL' });
  assert.equal(mountsAt(root).length, 1);
  assert.ok(mountsAt(root)[0]?.flags.includes('rw'));
});

mountTest('mounts at targets are undone where they are', async ({ root, make }) => {
  const source = make('source', 'root/one', 'root/two');
  symlinkSync('/two', `${root}/link`);
  const mounts = ['one', 'link', 'one', '.', 'two'].map((target) => bindAt(target, source, 'bind', 'ro'));
  make('source/two');
  await assert.rejects(mountAll([...mounts, tmpfsAt('three')], root), { errno: 'ENOENT' });
  assert.deepEqual(mountsAt(root), []);
});

describe('in a user namespace, where the flags of a foreign mount are locked', () => {
  async function bindThere({ directory, make, after }: MountTestbed, ...options: string[]): Promise<string> {
    const source = make('source');
    await mountAll([tmpfs('nosuid', 'nodev', 'noexec')], source);
    after(() => unmountAll(source));
    const { stdout, stderr } = await runFixture('os/mount-in-user-namespace', [directory, ...options]);
    assert.equal(stderr, '');
    return stdout.replaceAll(directory, '');
  }

  mountTest('a bind mount can be made read-only', async (testbed) => {
    assert.equal(await bindThere(testbed, 'rbind', 'ro'), 'ro,nosuid,nodev,noexec,relatime\n');
  });

  mountTest('a bind mount that fails in its second step is undone', async (testbed) => {
    const failure = 'cannot set the flags of bind /source at /root: operation not permitted (EPERM)\n';
    assert.equal(await bindThere(testbed, 'rbind', 'ro', 'suid'), failure);
  });
});
