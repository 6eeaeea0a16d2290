/**
 * Where a container's cgroups are in our file system. Looked up once, when the container has been created: its init may
 * move itself to a cgroup below later (systemd does), and once it exits the kernel says that it is in the root.
 */
import { existsSync, readFileSync } from 'node:fs';
import { TermshimError } from '../../errors/errors.js';
import { errnoOf, fileError } from '../../errors/file-error.js';

export type Cgroup = CgroupV1 | CgroupV2;

export interface CgroupV1 {
  readonly version: 1;
  /** A directory for each controller, such as `memory` or `cpuacct`, that has a cgroup for the container alone. */
  readonly directories: ReadonlyMap<string, string>;
}

export interface CgroupV2 {
  readonly version: 2;
  readonly directory: string;
}

/**
 * The cgroup of a process. ERR_PROCESS_NOT_FOUND if it has ended, or has none for itself: it is in the root, as one that
 * ends is, or where we are, as one of the pty runtime is.
 */
export function findCgroup(pid: number): Cgroup {
  const ours = readMembership('self').split('\n');
  const theirs = readMembership(pid).split('\n');
  const own = theirs.filter((line) => !ours.includes(line)).join('\n');
  const cgroup = locateCgroup(own, readFileSync('/proc/self/mountinfo', 'utf8'));
  if (cgroup !== undefined) return cgroup;
  throw new TermshimError('ERR_PROCESS_NOT_FOUND', `process ${pid} has no cgroup of its own`);
}

/** Whether all of it is still there. Deleting a container removes it. */
export function isCgroup(cgroup: Cgroup): boolean {
  if (cgroup.version === 2) return existsSync(cgroup.directory);
  return [...cgroup.directories.values()].every((directory) => existsSync(directory));
}

/**
 * Where a runtime has made cgroups for a process, in whatever hierarchies there are: in a hybrid system the unified one too.
 * None where {@link findCgroup} fails.
 */
export function findCgroupDirectories(pid: number): string[] {
  const ours = readMembership('self').split('\n');
  const own = readMembership(pid)
    .split('\n')
    .filter((line) => !ours.includes(line));
  const mounts = parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  const found = parseMembership(own.join('\n')).flatMap(({ controllers: [controller], path }) => {
    const isWanted = ({ type, options }: Mount): boolean =>
      controller === undefined ? type === 'cgroup2' : type === 'cgroup' && options.includes(controller);
    return directoryOf(path, mounts.filter(isWanted)) ?? [];
  });
  return [...new Set(found)].filter((directory) => existsSync(directory));
}

/**
 * As containerd has it, what is mounted at /sys/fs/cgroup decides: in a hybrid system that is a tmpfs, and the controllers
 * are where v1 has them.
 *
 * @param membership /proc/PID/cgroup; see cgroups(7)
 * @param mountinfo /proc/self/mountinfo; see proc(5)
 * @returns undefined if there is no cgroup but the root, or none that is mounted here
 */
export function locateCgroup(membership: string, mountinfo: string): Cgroup | undefined {
  const entries = parseMembership(membership);
  const mounts = parseMounts(mountinfo);
  return isUnifiedIn(mounts) ? locateV2(entries, mounts) : locateV1(entries, mounts);
}

function isUnifiedIn(mounts: readonly Mount[]): boolean {
  return mounts.findLast((mount) => mount.point === '/sys/fs/cgroup')?.type === 'cgroup2';
}

/**
 * Where there is a control group of this path, in the unified hierarchy or in each of those of v1.
 *
 * @param path from the root of its hierarchy
 */
export function directoriesOf(path: string): string[] {
  const mounts = parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  const type = isUnifiedIn(mounts) ? 'cgroup2' : 'cgroup';
  const found = mounts
    .filter((mount) => mount.type === type)
    .map((mount) => (path === '/' && mount.root === '/' ? mount.point : directoryOf(path, [mount])));
  return [...new Set(found)].filter((directory) => directory !== undefined).filter((it) => existsSync(it));
}

/** Where there is one of this path, as in {@link directoriesOf}, in every hierarchy: in a hybrid system the unified one too. */
export function allDirectoriesOf(path: string): string[] {
  const mounts = parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  const all = mounts.filter((mount) => mount.type === 'cgroup' || mount.type === 'cgroup2');
  const found = all.flatMap((mount) => directoryOf(path, [mount]) ?? []);
  return [...new Set(found)].filter((it) => existsSync(it));
}

function locateV2(entries: readonly Membership[], mounts: readonly Mount[]): CgroupV2 | undefined {
  const path = entries.find((entry) => entry.controllers.length === 0)?.path ?? '/';
  const unified = mounts.filter((mount) => mount.type === 'cgroup2');
  const directory = directoryOf(path, unified);
  return directory === undefined ? undefined : { version: 2, directory };
}

function locateV1(entries: readonly Membership[], mounts: readonly Mount[]): CgroupV1 | undefined {
  const directories = new Map<string, string>();
  for (const { controllers, path } of entries) {
    for (const controller of controllers) {
      const hierarchy = mounts.filter((mount) => mount.type === 'cgroup' && mount.options.includes(controller));
      const directory = directoryOf(path, hierarchy);
      if (directory !== undefined) directories.set(controller, directory);
    }
  }
  return directories.size > 0 ? { version: 1, directories } : undefined;
}

function readMembership(pid: number | 'self'): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT' && errno !== 'ESRCH') throw fileError(error, `read the cgroup of the process ${pid}`);
    throw new TermshimError('ERR_PROCESS_NOT_FOUND', `there is no process ${pid}`);
  }
}

interface Membership {
  /** Empty for the unified hierarchy; `name=systemd` for one without controllers. */
  controllers: string[];
  path: string;
}

/** Lines such as `4:cpu,cpuacct:/path` and `0::/path`. A path may have colons. */
function parseMembership(text: string): Membership[] {
  return text.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    return { controllers: controllers.split(',').filter((name) => name !== ''), path };
  });
}

interface Mount {
  /** Which cgroup is seen at the mount point: `/`, or a path if we are in a container without a cgroup namespace. */
  root: string;
  point: string;
  type: string;
  options: string[];
}

/** `36 35 98:0 /root /point rw,noatime optional... - type source super-options`. */
function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, point] = before.split(' ');
    const [type = '', , options = ''] = after.split(' ');
    if (root === undefined || point === undefined) return [];
    return { root: unescape(root), point: unescape(point), type, options: options.split(',') };
  });
}

/** White space and backslashes are octal there: `\040`. */
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/**
 * The root cgroup counts all that runs and so nothing of a container's. A cgroup that was removed has ` (deleted)` at its
 * end, and no directory.
 */
function directoryOf(path: string, mounts: readonly Mount[]): string | undefined {
  if (path === '/' || path.endsWith(' (deleted)')) return undefined;
  for (const { root, point } of mounts) {
    const above = root === '/' ? '' : root;
    if (path === above || path.startsWith(`${above}/`)) return point + path.slice(above.length);
  }
  return undefined;
}
