/*
 * A mount can fail for many reasons, after other mounts of the same call have succeeded. If these stay, nobody owns
 * them; if too much is unmounted, it belongs to somebody else. The tests force each kind of failure in the last mount
 * of a list, in each of its steps; afterwards the kernel must list the same mounts as before.
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

describe('the earlier mounts are undone, and the error names the mount and the reason, for', () => {
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
    "the type format/mkdir/overlay is supported only by containerd's mount manager": { type: 'format/mkdir/overlay' },
    "the type loop is supported only by containerd's mount manager": { type: 'loop' },
    'uidmap and gidmap are only supported together': { options: ['uidmap=0:1000:1'] },
    'a remount with uidmap and gidmap is not supported': { options: ['remount', 'uidmap=0:1:1', 'gidmap=0:1:1'] },
    'uidmap=0:1 is not a list of INSIDE:OUTSIDE:COUNT, with commas between them': {
      options: ['uidmap=0:1', 'gidmap=0:1:1'],
    },
    'gidmap=0:-1:1 is not a list of INSIDE:OUTSIDE:COUNT, with commas between them': {
      options: ['uidmap=0:1:1', 'gidmap=0:-1:1'],
    },
    'it has more than 64 propagation options': { options: Array.from({ length: 65 }, () => 'shared') },
    'it has more than 500 options': { type: 'fuse3.x', options: Array.from({ length: 501 }, () => 'o') },
  };
  for (const [reason, more] of Object.entries(refused)) {
    test(`an unsupported request: ${reason}`, async () => {
      const mount = { type: 'ext4', source: '/disk', options: [], ...more };
      const message = `cannot mount ${mount.type} /disk at /mnt: ${reason}`;
      await assert.rejects(mountAll([mount], '/mnt'), { code: 'ERR_MOUNT_FAILED', message });
    });
  }
});

mountTest('mounts from before the call are left alone, and so is a remounted one', async ({ root }) => {
  await mountAll([tmpfs()], root);
  const failing = tmpfs('remount', 'constructor');
  await assert.rejects(mountAll([tmpfs(), tmpfs('remount', 'ro'), failing], root), { errno: 'EINVAL' });
  assert.equal(mountsAt(root).length, 1);
  assert.ok(mountsAt(root)[0]?.flags.includes('rw'));
});

mountTest('mounts at targets are undone at their targets', async ({ root, make }) => {
  const source = make('source', 'root/one', 'root/two');
  symlinkSync('/two', `${root}/link`);
  const mounts = ['one', 'link', 'one', '.', 'two'].map((target) => bindAt(target, source, 'bind', 'ro'));
  make('source/two');
  await assert.rejects(mountAll([...mounts, tmpfsAt('three')], root), { errno: 'ENOENT' });
  assert.deepEqual(mountsAt(root), []);
});

describe('in a user namespace, which locks the flags of inherited mounts,', () => {
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
