/*
 * A real runtime runs in each kind of root filesystem that containerd's snapshotters make, with the daemon as
 * containerd starts it. What could break: a runtime cannot enter a mount (pivot_root, or a FUSE program that only root
 * may access), or something is left when the container is deleted.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Mount } from '../../../src/os/mount/mount.js';
import { makeBundle } from '../../helpers/runtime/bundle.js';
import { loopDevicesOf, mustRun } from '../../helpers/runtime/images.js';
import { mountsAt } from '../../helpers/base/mounts.js';
import { missing } from '../../helpers/base/requirement.js';
import { startShimDaemon } from '../../helpers/shim/shim-daemon.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'runc', 'busybox', 'disk', 'erofs', 'fusePrograms');
const maps = ['uidmap=0:100000:65536', 'gidmap=0:100000:65536'];

/** Each with the options of its mount, and who owns its files then. */
const kinds: Readonly<Record<string, [make: (testbed: Testbed) => Omit<Mount, 'target'>, owner: number]>> = {
  'ext4 behind a loop device': [(testbed) => ({ type: 'ext4', source: ext4Of(testbed), options: ['loop'] }), 0],
  'erofs behind a loop device': [
    (testbed) => ({ type: 'erofs', source: erofsOf(testbed), options: ['ro', 'loop'] }),
    0,
  ],
  'an overlay with mapped ids': [
    (testbed) => ({ type: 'overlay', source: 'overlay', options: overlayOf(testbed) }),
    100_000,
  ],
  'a bind mount with mapped ids': [
    (testbed) => ({ type: 'bind', source: testbed.rootfs, options: ['rbind', ...maps] }),
    100_000,
  ],
  'fuse3.bindfs': [(testbed) => ({ type: 'fuse3.bindfs', source: testbed.rootfs, options: ['allow_other'] }), 0],
};

function ext4Of(testbed: Testbed): string {
  const image = testbed.path('ext4.img');
  mustRun('truncate', '-s', '16M', image);
  mustRun('mkfs.ext4', '-q', '-d', testbed.rootfs, image);
  return image;
}

function erofsOf(testbed: Testbed): string {
  mustRun('mkfs.erofs', '--quiet', testbed.path('erofs.img'), testbed.rootfs);
  return testbed.path('erofs.img');
}

function overlayOf(testbed: Testbed): string[] {
  for (const name of ['upper', 'work']) mkdirSync(testbed.path(name));
  return [
    `lowerdir=${testbed.rootfs}`,
    `upperdir=${testbed.path('upper')}`,
    `workdir=${testbed.path('work')}`,
    ...maps,
  ];
}

/** A bundle as containerd makes it: its root filesystem is in it. */
function bundleOf(testbed: Testbed, script: string): string {
  const bundle = makeBundle(testbed, { args: ['/bin/sh', '-c', script], terminal: false });
  const path = join(bundle, 'config.json');
  const spec = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, JSON.stringify({ ...spec, root: { path: 'rootfs' } }));
  mkdirSync(join(bundle, 'rootfs'));
  return bundle;
}

for (const [kind, [make, owner]] of Object.entries(kinds)) {
  test(`runc runs a container in ${kind}, and no mount stays`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const { task, request, announce } = await startShimDaemon(testbed);
    const bundle = bundleOf(testbed, 'ls -ln /bin/busybox');
    const [id, mount, out] = [testbed.newId(), make(testbed), testbed.path('out')];
    await announce(id, bundle);
    const rootfs = [{ ...mount, target: '', options: [...mount.options] }];
    const asked = { ...request(id, bundle, 'runc'), terminal: false, stdout: `file://${out}`, rootfs };
    await within(task.create(asked), 'the container', 30_000);
    assert.equal(mountsAt(bundle).length, 1);
    await task.start({ id });
    assert.equal((await within(task.wait({ id }), 'its exit', 30_000)).exitStatus, 0);
    assert.match(readFileSync(out, 'utf8'), new RegExp(`^-\\S+ +1 ${owner} +${owner} .* /bin/busybox\n$`));
    await task.delete({ id });
    assert.deepEqual(mountsAt(testbed.directory), []);
    await waitFor(() => loopDevicesOf(mount.source).length === 0, 'the loop device to go');
  });
}
