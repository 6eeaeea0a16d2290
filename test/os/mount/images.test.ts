/*
 * These are the root filesystems of containerd's other snapshotters: an image file behind a loop device, erofs, and
 * layers with mapped ids. What could break: a device stays when the mount is gone or has failed, a read-only image is
 * written to, files belong to the wrong user, or a helper mount is left on the host. Each test uses a real image, and
 * compares the mounts with what the kernel reports.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { mountAll, unmountAll } from '../../../src/os/mount/mount-all.js';
import { erofsImage, ext4Image, loopDevicesOf } from '../../helpers/runtime/images.js';
import { bind, mountTest, mountsAt, overlay, tmpfs } from '../../helpers/base/mounts.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const ext4 = (source: string, ...options: string[]) => ({ type: 'ext4', source, options });

describe('a loop device', () => {
  mountTest(
    'writes to its image, and is removed with the mount',
    async ({ directory, root }) => {
      const image = ext4Image(directory);
      await mountAll([ext4(image, 'loop')], root);
      assert.equal(readFileSync(join(root, 'hello'), 'utf8'), 'hello\n');
      writeFileSync(join(root, 'new'), 'new');
      assert.equal(loopDevicesOf(image).length, 1);
      await unmountAll(root);
      await waitFor(() => loopDevicesOf(image).length === 0, 'the loop device to go');
      await mountAll([ext4(image, 'loop', 'direct-io')], root);
      assert.equal(readFileSync(join(root, 'new'), 'utf8'), 'new');
      const [device = ''] = loopDevicesOf(image);
      assert.equal(readFileSync(`/sys/block/${device}/ro`, 'utf8'), '0\n');
    },
    'disk',
  );

  mountTest(
    'of a read-only image is read-only, and no byte of the image changes',
    async ({ directory, root }) => {
      const image = ext4Image(directory);
      const before = readFileSync(image);
      chmodSync(image, 0o400);
      await mountAll([ext4(image, 'ro', 'loop')], root);
      const [device = ''] = loopDevicesOf(image);
      assert.equal(readFileSync(`/sys/block/${device}/ro`, 'utf8'), '1\n');
      assert.throws(() => writeFileSync(join(root, 'new'), ''), { code: 'EROFS' });
      await unmountAll(root);
      assert.ok(readFileSync(image).equals(before));
    },
    'disk',
  );

  mountTest(
    'can exist many times at the same time, also twice for one image',
    async ({ directory, make, after }) => {
      const image = ext4Image(directory);
      const roots = Array.from({ length: 12 }, (_, at) => make(`root-${at}`));
      for (const root of roots) after(() => unmountAll(root));
      await Promise.all(roots.map((root) => mountAll([ext4(image, 'ro', 'noload', 'loop')], root)));
      for (const root of roots) assert.deepEqual(readdirSync(root).toSorted(), ['hello', 'lost+found']);
      await Promise.all(roots.map((root) => unmountAll(root)));
      await waitFor(() => loopDevicesOf(image).length === 0, 'the loop devices to go');
    },
    'disk',
  );

  mountTest(
    'is removed if the mount fails, and a file that is no image is refused',
    async ({ directory, root, make, path }) => {
      const image = ext4Image(directory);
      const attempt = async (mount: ReturnType<typeof ext4>, message: RegExp): Promise<void> => {
        await assert.rejects(mountAll([tmpfs(), mount], root), { code: 'ERR_MOUNT_FAILED', message });
        assert.deepEqual(mountsAt(root), []);
        await waitFor(() => loopDevicesOf(mount.source).length === 0, 'the loop device to go');
      };
      await attempt({ ...ext4(image, 'loop'), type: 'xfs' }, /^cannot mount xfs .*ext4\.img at .*root: .*\(EINVAL\)$/);
      await attempt(
        ext4(path('none'), 'loop'),
        /^cannot open the file of the loop device for ext4 .*none at .*ENOENT\)$/,
      );
      await attempt(ext4(make('directory'), 'loop'), /^cannot open the file of the loop device for ext4 .*EISDIR\)$/);
      await attempt(ext4('/dev/null', 'loop'), /^cannot make a loop device for ext4 \/dev\/null at .*\(EINVAL\)$/);
    },
    'disk',
  );
});

describe('an erofs image', () => {
  mountTest(
    'can be mounted from behind a loop device',
    async ({ directory, root }) => {
      const image = erofsImage(directory);
      await mountAll([{ type: 'erofs', source: image, options: ['ro', 'loop'] }], root);
      assert.equal(readFileSync(join(root, 'hello'), 'utf8'), 'hello\n');
      assert.throws(() => writeFileSync(join(root, 'new'), ''), { code: 'EROFS' });
    },
    'erofs',
  );

  mountTest(
    'can be the lower layer of an overlay, as with the erofs snapshotter',
    async ({ directory, root, make, after }) => {
      const layer = make('layer');
      after(() => unmountAll(layer));
      await mountAll([{ type: 'erofs', source: erofsImage(directory), options: ['ro', 'loop'] }], layer);
      await mountAll([overlay(`lowerdir=${layer}`, `upperdir=${make('upper')}`, `workdir=${make('work')}`)], root);
      writeFileSync(join(root, 'hello'), 'changed');
      assert.deepEqual(
        [readFileSync(join(root, 'hello'), 'utf8'), readFileSync(join(layer, 'hello'), 'utf8')],
        ['changed', 'hello\n'],
      );
    },
    'erofs',
  );
});

describe('with mapped ids,', () => {
  const maps = ['uidmap=0:100000:65536', 'gidmap=0:200000:65536'];
  const ownerOf = (path: string): number[] => [statSync(path).uid, statSync(path).gid];

  mountTest('a bind mount, also a read-only one, is one mount at its target', async ({ root, make }) => {
    const source = make('source');
    writeFileSync(join(source, 'file'), '');
    chownSync(join(source, 'file'), 5, 6);
    await mountAll([bind(source, 'rbind', 'ro', 'nosuid', ...maps)], root);
    assert.deepEqual(ownerOf(join(root, 'file')), [100_005, 200_006]);
    assert.deepEqual(ownerOf(join(source, 'file')), [5, 6]);
    const [mount, ...others] = mountsAt(root);
    assert.deepEqual(others, []);
    assert.ok(
      ['ro', 'nosuid'].every((flag) => mount?.flags.includes(flag)),
      mount?.flags.join(),
    );
  });

  mountTest('an rbind mount includes the mounts below its source', async ({ root, make, after }) => {
    const inner = make('source/inner');
    await mountAll([tmpfs()], inner);
    after(() => unmountAll(inner));
    writeFileSync(join(inner, 'file'), '');
    await mountAll([bind(join(inner, '..'), 'rbind', ...maps)], root);
    assert.deepEqual(ownerOf(join(root, 'inner/file')), [100_000, 200_000]);
  });

  mountTest('an id in one of several ranges is mapped, and any other id becomes nobody', async ({ root, make }) => {
    const source = make('source');
    for (const [name, id] of Object.entries({ one: 0, two: 1000, none: 7 })) {
      writeFileSync(join(source, name), '');
      chownSync(join(source, name), id, id);
    }
    const ranges = '0:1000:1,1000:5000:10';
    await mountAll([bind(source, 'bind', `uidmap=${ranges}`, `gidmap=${ranges}`)], root);
    const overflow = Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'));
    const uids = ['one', 'two', 'none'].map((name) => ownerOf(join(root, name))[0]);
    assert.deepEqual(uids, [1000, 5000, overflow]);
  });

  for (const [title, count] of [
    ['two', 2],
    ['sixty, which are more than a page', 60],
  ] as const) {
    mountTest(`the ids of the lower layers of an overlay are mapped: ${title}`, async ({ directory, root, make }) => {
      const layers = Array.from({ length: count }, (_, i) => make(`${'long'.repeat(30)}/snapshots-${i}/a:b`));
      layers.forEach((layer, i) => writeFileSync(join(layer, `file-${i}`), String(i)));
      const lower = layers.map((layer) => layer.replaceAll(':', String.raw`\:`)).join(':');
      const options = [`lowerdir=${lower}`, `upperdir=${make('upper')}`, `workdir=${make('work')}`, ...maps];
      await mountAll([overlay(...options)], root);
      for (const i of layers.keys()) assert.deepEqual(ownerOf(join(root, `file-${i}`)), [100_000, 200_000]);
      assert.deepEqual(ownerOf(join(layers[0] as string, 'file-0')), [0, 0], 'the layer itself is as it was');
      chownSync(join(root, 'file-0'), 100_007, 200_007);
      assert.deepEqual(ownerOf(join(directory, 'upper/file-0')), [100_007, 200_007]);
      assert.equal(mountsAt(directory).length, 1, 'nothing else is mounted');
    });
  }

  mountTest(
    'the ids of an image behind a loop device are mapped',
    async ({ directory, root }) => {
      await mountAll([ext4(ext4Image(directory), 'loop', ...maps)], root);
      assert.deepEqual(ownerOf(join(root, 'hello')), [100_000, 200_000]);
    },
    'disk',
  );

  mountTest('a failed mapping is undone, and the error says so', async ({ root, make }) => {
    mkdirSync(join(root, 'inner'));
    const failing = { ...bind('/proc', 'rbind', ...maps), target: 'inner' };
    const message = /^cannot map the ids of bind \/proc at .*root\/inner: .*\(EINVAL\)$/;
    await assert.rejects(mountAll([failing], root), { code: 'ERR_MOUNT_FAILED', message });
    const layers = overlay(`lowerdir=${make('a')}:/proc`, ...maps);
    await assert.rejects(mountAll([layers], root), { message: /^cannot map the ids of overlay overlay at/ });
    const twice = ['uidmap=0:1:5,3:9:5', 'gidmap=0:1:5'];
    await assert.rejects(mountAll([bind(make('a'), 'bind', ...twice)], root), {
      message: /^cannot set the uid_map of bind/,
    });
    assert.deepEqual(mountsAt(root), []);
  });
});
