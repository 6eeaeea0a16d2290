/** Root filesystems in image files, made by the usual programs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function mustRun(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${program}: ${stderr}`);
}

/** A directory with a file, `hello`, of root. */
export function smallTree(directory: string): string {
  const tree = join(directory, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'hello'), 'hello\n');
  return tree;
}

export function ext4Image(directory: string): string {
  const image = join(directory, 'ext4.img');
  const fd = openSync(image, 'w');
  ftruncateSync(fd, 8 * 1024 * 1024);
  closeSync(fd);
  mustRun('mkfs.ext4', '-q', '-d', smallTree(directory), image);
  return image;
}

export function erofsImage(directory: string): string {
  const image = join(directory, 'erofs.img');
  mustRun('mkfs.erofs', '--quiet', image, smallTree(directory));
  return image;
}

export function squashfsImage(directory: string): string {
  const image = join(directory, 'squashfs.img');
  mustRun('mksquashfs', smallTree(directory), image, '-quiet', '-no-progress');
  return image;
}

/** The loop devices of a file: their names, such as `loop3`. */
export function loopDevicesOf(image: string): string[] {
  return readdirSync('/sys/block').filter((name) => {
    if (!name.startsWith('loop')) return false;
    try {
      return readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim() === image;
    } catch {
      return false;
    }
  });
}
