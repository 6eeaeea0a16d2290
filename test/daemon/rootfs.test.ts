/*
 * A daemon mounts the root filesystems of all its containers. A mount that hangs must not keep other containers
 * waiting, and must end when containerd gives up. A mounted filesystem must be there for the runtime, and must be
 * unmounted with the container. The tests mount with a FUSE program that hangs, and with a mount that fails.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Code } from '../../src/ttrpc/status.js';
import { ext4Image, loopDevicesOf, smallTree } from '../helpers/runtime/images.js';
import { leakTest, type Scope } from '../helpers/base/leak-free.js';
import { mountsAt } from '../helpers/base/mounts.js';
import { missing } from '../helpers/base/requirement.js';
import { serveTasks } from '../helpers/shim/task-server.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

const skip = missing('root', 'fusePrograms', 'disk');
const plain = { target: '', options: [] };

function addHangingProgram(scope: Scope): void {
  const directory = temporaryDirectory(scope);
  writeFileSync(join(directory, 'hangs'), '#!/bin/sh\nsleep 1000\n');
  chmodSync(join(directory, 'hangs'), 0o755);
  const before = process.env['PATH'];
  process.env['PATH'] = `${directory}${delimiter}${before}`;
  scope.after(() => (process.env['PATH'] = before));
}

leakTest(
  'a root filesystem that hangs delays only its own container, until its Create is cancelled',
  async (scope) => {
    const { task, shim, request } = await serveTasks(scope);
    addHangingProgram(scope);
    const image = ext4Image(temporaryDirectory(scope));
    const [stuck, good] = [await request('stuck', 'true'), await request('good', 'exit 7')];
    for (const { bundle = '' } of [stuck, good]) mkdirSync(join(bundle, 'rootfs'));
    const hanging = [
      { ...plain, type: 'ext4', source: image, options: ['loop'] },
      { ...plain, type: 'fuse3.hangs', source: 'x' },
    ];
    const refused = assert.rejects(task.create({ ...stuck, rootfs: hanging }), { code: Code.Aborted });
    const place = join(stuck.bundle ?? '', 'rootfs');
    await waitFor(() => mountsAt(place).length === 1, 'the first mount');
    const tree = smallTree(temporaryDirectory(scope));
    const fuse = { ...plain, type: 'fuse3.bindfs', source: tree, options: ['ro'] };
    await within(task.create({ ...good, rootfs: [fuse] }), 'the other container');
    assert.equal(readFileSync(join(good.bundle ?? '', 'rootfs/hello'), 'utf8'), 'hello\n');
    await task.start({ id: 'good' });
    assert.equal((await within(task.wait({ id: 'good' }), 'its exit')).exitStatus, 7);
    await task.delete({ id: 'good' });
    assert.deepEqual(mountsAt(good.bundle ?? ''), []);
    await within(shim.forget({ id: 'stuck' }), 'the other to be given up');
    await refused;
    assert.deepEqual(mountsAt(stuck.bundle ?? ''), []);
    await waitFor(() => loopDevicesOf(image).length === 0, 'the loop device to go');
    assert.ok(!existsSync(join(stuck.bundle ?? '', 'termshim.json')), 'no record stays');
  },
  { skip },
);

leakTest(
  'a mount that fails is named in the error, and nothing stays mounted',
  async (scope) => {
    const { task, request } = await serveTasks(scope);
    const requested = await request('c', 'true');
    mkdirSync(join(requested.bundle ?? '', 'rootfs'));
    const mount = { ...plain, type: 'ext4', source: '/x', options: ['X-containerd.mkfs.size=1'] };
    const message = /cannot mount ext4 \/x at .*: the option X-containerd\.mkfs\.size=1 is not supported/;
    await assert.rejects(task.create({ ...requested, rootfs: [mount] }), { message });
    assert.ok(!existsSync(join(requested.bundle ?? '', 'termshim.json')));
  },
  { skip },
);
