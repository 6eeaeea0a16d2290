/**
 * Finds the directories of a container's cgroups, once, when the container has been created. Later the init may move
 * itself to a child cgroup (systemd does), and when it exits the kernel reports that it is in the root.
 */
import { existsSync, readFileSync } from 'node:fs';
import { TermshimError } from '../../errors/errors.js';
import { ifPresent } from '../../errors/file-error.js';

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
 * The cgroup of a process. Throws ERR_PROCESS_NOT_FOUND if the process has ended, or has no cgroup of its own: it is in
 * the root, as a process that ends, or in the cgroup of this program, as a process of the pty runtime.
 */
export function findCgroup(pid: number): Cgroup {
  const ours = readMembership('self').split('\n');
  const theirs = readMembership(pid).split('\n');
  const own = theirs.filter((line) => !ours.includes(line)).join('\n');
  const cgroup = locateCgroup(own, readFileSync('/proc/self/mountinfo', 'utf8'));
  if (cgroup !== undefined) return cgroup;
  throw new TermshimError('ERR_PROCESS_NOT_FOUND', `process ${pid} has no cgroup of its own`);
}

/** Whether all directories of the cgroup exist. Deleting a container removes them. */
export function isCgroup(cgroup: Cgroup): boolean {
  if (cgroup.version === 2) return existsSync(cgroup.directory);
  return [...cgroup.directories.values()].every((directory) => existsSync(directory));
}

/**
 * The directories of the cgroups that a runtime made for a process, in every hierarchy: in a hybrid system in the
 * unified one too. Throws ERR_PROCESS_NOT_FOUND if the process has ended.
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
 * As in containerd, the mount at /sys/fs/cgroup decides the version: in a hybrid system it is a tmpfs, and the
 * controllers are those of v1.
 *
 * @param membership /proc/PID/cgroup; see cgroups(7)
 * @param mountinfo /proc/self/mountinfo; see proc(5)
 * @returns undefined if the process is in the root cgroup, or its cgroup is not mounted here
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
 * The directories that exist for a cgroup's path, in the unified hierarchy or in each hierarchy of v1.
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

/**
 * As {@link directoriesOf}, but in every hierarchy: in a hybrid system in the unified one too. Root cgroups are left
 * out.
 */
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

/** /proc/PID/cgroup; undefined if there is no such process. */
export function readCgroupFile(pid: number | 'self'): string | undefined {
  const read = (): string => readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  return ifPresent(`read the cgroup of the process ${pid}`, read, ['ENOENT', 'ESRCH']);
}

function readMembership(pid: number | 'self'): string {
  const text = readCgroupFile(pid);
  if (text === undefined) throw new TermshimError('ERR_PROCESS_NOT_FOUND', `there is no process ${pid}`);
  return text;
}

interface Membership {
  /** Empty for the unified hierarchy; `name=systemd` for a v1 hierarchy without controllers. */
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
  /** The cgroup at the mount point: `/`, or another path in a container without a cgroup namespace. */
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

/** The kernel writes white space and backslashes in octal: `\040`. */
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/**
 * Undefined for the root cgroup, which counts every process of the host, and for a removed cgroup: its path ends with
 * ` (deleted)`, and it has no directory.
 */
function directoryOf(path: string, mounts: readonly Mount[]): string | undefined {
  if (path === '/' || path.endsWith(' (deleted)')) return undefined;
  for (const { root, point } of mounts) {
    const above = root === '/' ? '' : root;
    if (path === above || path.startsWith(`${above}/`)) return point + path.slice(above.length);
  }
  return undefined;
}
