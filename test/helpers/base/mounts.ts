/** The mounts of this process, as listed in /proc/self/mountinfo, and a directory to mount in. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Mount } from '../../../src/os/mount/mount.js';
import { unmountAll } from '../../../src/os/mount/mount-all.js';
import { type Scope, leakTest } from './leak-free.js';
import { type Requirement, missing } from './requirement.js';
import { temporaryDirectory } from './temporary-directory.js';

export interface FoundMount {
  point: string;
  /** The flags of the mount, such as `rw`, `nosuid`, `relatime`. */
  flags: string[];
  /** `shared:5`, `master:5`, `unbindable`. */
  propagation: string[];
}

/** At the path and below it. */
export function mountsAt(path: string): FoundMount[] {
  const found = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map(parseMount);
  return found.filter(({ point }) => point === path || point.startsWith(`${path}/`));
}

/** See proc_pid_mountinfo(5). */
function parseMount(line: string): FoundMount {
  const [, , , , point = '', flags = '', ...propagation] = line.replace(/ - .*/, '').split(' ');
  const decoded = point.replaceAll(/\\(\d{3})/g, (_, digits: string) =>
    String.fromCodePoint(Number.parseInt(digits, 8)),
  );
  return { point: decoded, flags: flags.split(','), propagation };
}

export interface MountTestbed {
  readonly directory: string;
  /** A directory in it to mount at. What is mounted there when the test ends is unmounted as a shim does it. */
  readonly root: string;
  path(name: string): string;
  /** Makes directories. Answers with the path of the first. */
  make(...names: string[]): string;
  after: Scope['after'];
}

/** A test as root that must leave nothing mounted. It may need more than to be root. */
export function mountTest(name: string, body: (testbed: MountTestbed) => unknown, ...more: Requirement[]): void {
  leakTest(name, (scope) => body(mountTestbed(scope)), { skip: missing('root', ...more) });
}

function mountTestbed(scope: Scope): MountTestbed {
  const directory = temporaryDirectory(scope);
  const path = (name: string): string => join(directory, name);
  const make = (...names: string[]): string => {
    for (const name of names) mkdirSync(path(name), { recursive: true });
    return path(names[0] ?? '');
  };
  scope.after(() => assertNothingMounted(directory));
  const root = make('root');
  scope.after(() => unmountAll(root));
  return { directory, root, path, make, after: (undo) => scope.after(undo) };
}

/** What is left is unmounted all the same, before the directory is removed with all that is seen in it. */
function assertNothingMounted(directory: string): void {
  const left = mountsAt(directory).map(({ point }) => point);
  for (const point of left.toReversed()) spawnSync('umount', ['--lazy', point]);
  assert.deepEqual(left, [], 'the test left something mounted');
}

export function tmpfs(...options: string[]): Mount {
  return { type: 'tmpfs', source: 'tmpfs', options };
}

export function tmpfsAt(target: string): Mount {
  return { type: 'tmpfs', source: 'tmpfs', target, options: [] };
}

export function bind(source: string, ...options: string[]): Mount {
  return { type: 'bind', source, options };
}

export function bindAt(target: string, source: string, ...options: string[]): Mount {
  return { type: 'bind', source, target, options };
}

export function overlay(...options: string[]): Mount {
  return { type: 'overlay', source: 'overlay', options };
}
