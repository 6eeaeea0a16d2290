/*
 * If a filesystem is still mounted in a bundle, the removal of the bundle would remove its files too. unmountAll must
 * unmount everything there, even if it is stacked, hidden, strangely named or in use, and nothing else. The tests make
 * such mounts and compare what the kernel lists.
 */
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { mountAll, unmountAll } from '../../../src/os/mount/mount-all.js';
import { mountTest, mountsAt, tmpfs, tmpfsAt } from '../../helpers/base/mounts.js';

mountTest('unmountAll removes a stack of mounts, the mounts in it, and those that it hides', async ({ root, make }) => {
  make('root/inner');
  await mountAll([tmpfsAt('inner'), tmpfs(), tmpfs(), tmpfs()], root);
  make('root/inner');
  await mountAll([tmpfsAt('inner')], root);
  assert.equal(mountsAt(root).length, 5);
  await unmountAll(root);
  assert.deepEqual(mountsAt(root), []);
});

mountTest(
  'unmountAll removes mounts below a directory that is not a mount, and none beside it',
  async ({ directory, root, make, after }) => {
    const beside = make('root-beside', 'root/a/b', 'root/a blank\\and\ta tab');
    await mountAll([tmpfs()], beside);
    after(() => unmountAll(beside));
    await mountAll([tmpfsAt('a/b'), tmpfsAt('a blank\\and\ta tab'), tmpfsAt('a')], root);
    await unmountAll(root);
    assert.deepEqual(
      mountsAt(directory).map(({ point }) => point),
      [beside],
    );
  },
);

mountTest('unmountAll removes mounts that are in use', async ({ root, after }) => {
  await mountAll([tmpfs()], root);
  const before = process.cwd();
  process.chdir(root);
  after(() => process.chdir(before));
  await unmountAll(root);
  assert.deepEqual(mountsAt(root), []);
});

mountTest('unmountAll does not follow a link', async ({ root, path }) => {
  symlinkSync(root, path('link'));
  await mountAll([tmpfs()], path('link'));
  assert.equal(mountsAt(root).length, 1);
  await unmountAll(path('link'));
  assert.deepEqual(mountsAt(root), []);
});

mountTest('unmountAll succeeds if nothing is mounted, or the directory does not exist', async ({ root }) => {
  await unmountAll(root);
  await unmountAll(join(root, 'no/where'));
});
