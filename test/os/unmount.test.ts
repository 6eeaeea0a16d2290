/*
 * Whoever removes a bundle removes what is still mounted in it, which may be somebody's data. So everything must be gone
 * after unmountAll, however it was stacked, hidden or named, while others use it; and nothing else may be gone.
 */
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { mountAll, unmountAll } from '../../src/os/mount.js';
import { mountTest, mountsAt, tmpfs, tmpfsAt } from '../helpers/mounts.js';

mountTest('a stack of mounts, what is mounted in it, and what it hides', ({ root, make }) => {
  make('root/inner');
  mountAll([tmpfsAt('inner'), tmpfs(), tmpfs(), tmpfs()], root);
  make('root/inner');
  mountAll([tmpfsAt('inner')], root);
  assert.equal(mountsAt(root).length, 5);
  unmountAll(root);
  assert.deepEqual(mountsAt(root), []);
});

mountTest(
  'what is below a directory that is no mount itself, and not what is beside it',
  ({ directory, root, make, after }) => {
    const beside = make('root-beside', 'root/a/b', 'root/a blank\\and\ta tab');
    mountAll([tmpfs()], beside);
    after(() => unmountAll(beside));
    mountAll([tmpfsAt('a/b'), tmpfsAt('a blank\\and\ta tab'), tmpfsAt('a')], root);
    unmountAll(root);
    assert.deepEqual(
      mountsAt(directory).map(({ point }) => point),
      [beside],
    );
  },
);

mountTest('what is in use', ({ root, after }) => {
  mountAll([tmpfs()], root);
  const before = process.cwd();
  process.chdir(root);
  after(() => process.chdir(before));
  unmountAll(root);
  assert.deepEqual(mountsAt(root), []);
});

mountTest('what a link leads to', ({ root, path }) => {
  symlinkSync(root, path('link'));
  mountAll([tmpfs()], path('link'));
  assert.equal(mountsAt(root).length, 1);
  unmountAll(path('link'));
  assert.deepEqual(mountsAt(root), []);
});

mountTest('where nothing is mounted, and where nothing is, it is no error', ({ root }) => {
  unmountAll(root);
  unmountAll(join(root, 'no/where'));
});
