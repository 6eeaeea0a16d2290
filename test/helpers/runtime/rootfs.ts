/** A root filesystem that contains only busybox. */
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const applets = [
  'sh',
  'tty',
  'stty',
  'cat',
  'head',
  'sleep',
  'ls',
  'ps',
  'echo',
  'kill',
  'trap',
  'wc',
  'dd',
  'env',
  'id',
];

/** Makes `<parent>/rootfs` and returns its path. */
export function makeRootfs(parent: string): string {
  const rootfs = join(parent, 'rootfs');
  for (const name of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp']) mkdirSync(join(rootfs, name), { recursive: true });
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'));
  for (const applet of applets) symlinkSync('busybox', join(rootfs, 'bin', applet));
  return rootfs;
}
