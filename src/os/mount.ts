/**
 * A container's root file system: the mounts that containerd wants, one after the other, and away with them.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { addon } from '../native/addon.js';
import { TermshimError, check, messageOf } from './errors.js';
import { errnoOf, fileError } from './file-error.js';
import { mountData } from './mount-data.js';
import { MS_BIND, MS_REC, MS_REMOUNT, isForSomebodyElse, parseMountOptions } from './mount-options.js';
import { OwnedFd } from './owned-fd.js';

export interface Mount {
  type: string;
  source: string;
  /** A place below the root, as seen from there. It must exist, perhaps in an earlier mount. */
  target?: string | undefined;
  /** As in fstab(5). */
  options: readonly string[];
}

/** Mounts all of them, or none: what was done is undone before ERR_MOUNT_FAILED is thrown. */
export function mountAll(mounts: readonly Mount[], root: string): void {
  const done: Mount[] = [];
  try {
    for (const mount of mounts) mountOne(mount, root, done);
  } catch (error) {
    for (const mount of done.toReversed()) atPlace(mount, root, (path) => addon.unmount(path, MNT_DETACH));
    const { syscall, errno } = error as Partial<TermshimError>;
    throw new TermshimError('ERR_MOUNT_FAILED', messageOf(error), { syscall, errno });
  }
}

/** Takes away whatever is mounted at the directory and below it. No error if nothing is, or if there is no directory. */
export function unmountAll(root: string): void {
  const path = realPath(root);
  if (path === undefined) return;
  detach(path);
  for (const below of mountPointsBelow(path)) detach(below);
}

/** Enters the mount in `done` as soon as there is something to undo. */
function mountOne(mount: Mount, root: string, done: Mount[]): void {
  const name = `${mount.type} ${mount.source} at ${join(root, mount.target ?? '')}`;
  const refused = mount.options.find(isForSomebodyElse);
  if (refused !== undefined) throw new Error(`cannot mount ${name}: the option ${refused} is not supported`);
  const { flags, cleared, propagations, data: options } = parseMountOptions(mount.options);
  const attempt = (attempted: string, work: (path: string) => number): void => {
    check(atPlace(mount, root, work), 'mount', `${attempted} ${name}`);
  };
  using data = mountData(options, name);
  attempt('mount', (path) => addon.mount(mount.source, path, mount.type, flags, data.text));
  if ((flags & MS_REMOUNT) === 0) done.push(mount);
  if (isBindWithFlags(flags)) attempt('set the flags of', (path) => remountBind(path, flags, cleared));
  for (const it of propagations) attempt('set the propagation of', (path) => addon.mount('', path, '', it, ''));
}

/**
 * Calls `work` with a path for the kernel. A target is looked up as if the root were `/`, so that neither `..` nor a link
 * leads out of it; and each time anew, since what was mounted there meanwhile is what the next call is about.
 */
function atPlace({ target = '' }: Mount, root: string, work: (path: string) => number): number {
  if (target === '') return work(root);
  const fd = addon.mount_open_inside(root, target);
  if (fd < 0) return fd;
  using place = new OwnedFd(fd, `${target} in ${root}`);
  return work(`/proc/self/fd/${place.fd}`);
}

/** The call that makes a bind mount takes no other flag than MS_REC. */
function isBindWithFlags(flags: number): boolean {
  return (flags & (MS_BIND | MS_REMOUNT)) === MS_BIND && (flags & ~(MS_BIND | MS_REC)) !== 0;
}

/** What the source's mount forbids stays forbidden: in a user namespace the kernel refuses anything else (EPERM). */
function remountBind(path: string, flags: number, cleared: number): number {
  const inherited = addon.mount_flags(path);
  if (inherited < 0) return inherited;
  return addon.mount('', path, '', MS_REMOUNT | flags | (inherited & ~cleared), '');
}

/** EINVAL: nothing is mounted there. */
function detach(path: string): void {
  for (;;) {
    const answer = addon.unmount(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    if (answer === -EINVAL || answer === -ENOENT) return;
    check(answer, 'umount', `unmount ${path}`);
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileError(error, `unmount ${path}`);
  }
}

/**
 * The newest first, since it may hide others. See proc_pid_mountinfo(5): the fifth field, where a blank or a backslash is
 * written as its octal number.
 */
function mountPointsBelow(path: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const points = lines.map((line) => (line.split(' ')[4] ?? '').replaceAll(/\\(\d{3})/g, fromOctal));
  return points.filter((point) => point.startsWith(`${path}/`)).toReversed();
}

function fromOctal(_: string, digits: string): string {
  return String.fromCodePoint(Number.parseInt(digits, 8));
}

const { EINVAL, ENOENT } = constants.errno;

/** From sys/mount.h. */
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
