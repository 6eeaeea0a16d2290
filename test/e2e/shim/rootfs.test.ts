/*
 * A real runtime in root filesystems of each kind that containerd's snapshotters have, by the daemon as containerd starts it. What
 * could break: a mount that a runtime cannot enter (pivot_root, a FUSE program that root alone may see), and something that is
 * left when the container is deleted.
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
import { type Stage, openStage } from '../../helpers/e2e/stage.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'runc', 'busybox', 'disk', 'erofs', 'fusePrograms');
const maps = ['uidmap=0:100000:65536', 'gidmap=0:100000:65536'];

/** Each with the options of its mount, and who owns its files then. */
const kinds: Readonly<Record<string, [make: (stage: Stage) => Omit<Mount, 'target'>, owner: number]>> = {
  'ext4 behind a loop device': [(stage) => ({ type: 'ext4', source: ext4Of(stage), options: ['loop'] }), 0],
  'erofs behind a loop device': [(stage) => ({ type: 'erofs', source: erofsOf(stage), options: ['ro', 'loop'] }), 0],
  'an overlay with mapped ids': [
    (stage) => ({ type: 'overlay', source: 'overlay', options: overlayOf(stage) }),
    100_000,
  ],
  'a bind mount with mapped ids': [
    (stage) => ({ type: 'bind', source: stage.rootfs, options: ['rbind', ...maps] }),
    100_000,
  ],
  'fuse3.bindfs': [(stage) => ({ type: 'fuse3.bindfs', source: stage.rootfs, options: ['allow_other'] }), 0],
};

function ext4Of(stage: Stage): string {
  const image = stage.path('ext4.img');
  mustRun('truncate', '-s', '16M', image);
  mustRun('mkfs.ext4', '-q', '-d', stage.rootfs, image);
  return image;
}

function erofsOf(stage: Stage): string {
  mustRun('mkfs.erofs', '--quiet', stage.path('erofs.img'), stage.rootfs);
  return stage.path('erofs.img');
}

function overlayOf(stage: Stage): string[] {
  for (const name of ['upper', 'work']) mkdirSync(stage.path(name));
  return [`lowerdir=${stage.rootfs}`, `upperdir=${stage.path('upper')}`, `workdir=${stage.path('work')}`, ...maps];
}

/** A bundle as containerd makes it: its root filesystem is in it. */
function bundleOf(stage: Stage, script: string): string {
  const bundle = makeBundle(stage, { args: ['/bin/sh', '-c', script], terminal: false });
  const path = join(bundle, 'config.json');
  const spec = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, JSON.stringify({ ...spec, root: { path: 'rootfs' } }));
  mkdirSync(join(bundle, 'rootfs'));
  return bundle;
}

for (const [kind, [make, owner]] of Object.entries(kinds)) {
  test(`runc runs a container in ${kind}, and no mount stays`, { skip }, async (t) => {
    const stage = openStage(t);
    const { task, request, announce } = await startShimDaemon(stage);
    const bundle = bundleOf(stage, 'ls -ln /bin/busybox');
    const [id, mount, out] = [stage.newId(), make(stage), stage.path('out')];
    await announce(id, bundle);
    const rootfs = [{ ...mount, target: '', options: [...mount.options] }];
    const asked = { ...request(id, bundle, 'runc'), terminal: false, stdout: `file://${out}`, rootfs };
    await within(task.create(asked), 'the container', 30_000);
    assert.equal(mountsAt(bundle).length, 1);
    await task.start({ id });
    assert.equal((await within(task.wait({ id }), 'its exit', 30_000)).exitStatus, 0);
    assert.match(readFileSync(out, 'utf8'), new RegExp(`^-\\S+ +1 ${owner} +${owner} .* /bin/busybox\n$`));
    await task.delete({ id });
    assert.deepEqual(mountsAt(stage.directory), []);
    await waitFor(() => loopDevicesOf(mount.source).length === 0, 'the loop device to go');
  });
}
