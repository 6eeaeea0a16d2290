/** Finds and removes what containerd, a shim and its runtime leave behind: bundles, containers, sockets, mounts. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { socketDirectory, socketPath } from '../../../src/shim/address.js';
import type { Testbed } from '../e2e/testbed.js';
import { type OtherLeftovers, findControlGroups } from '../e2e/leftovers.js';

/** Where the CRI plugin has its containers. */
export const criNamespace = 'k8s.io';

export interface ContainerdInstance {
  testbed: Testbed;
  namespace: string;
  address: string;
  /** Its state directory. */
  state: string;
  /** What its cleaning up found. */
  left: readonly string[];
}

export function containerdLeftovers(place: ContainerdInstance): OtherLeftovers {
  const { testbed, namespace, state, left } = place;
  const runcRoot = join('/run/containerd/runc', namespace);
  const bundles = join(state, 'io.containerd.runtime.v2.task', namespace);
  // That of cri has the same name everywhere, and others may test at the same time.
  const isShared = namespace === criNamespace;
  const containersIn = (root: string): string[] =>
    entriesOf(root).filter((path) => !isShared || testbed.ids.includes(basename(path)));
  return {
    find() {
      if (!isShared) removeEmpty(runcRoot, findControlGroups(namespace));
      return [
        ...left,
        ...entriesOf(bundles).map((path) => `bundle ${path}`),
        ...containersIn(runcRoot).map((path) => `container ${path}`),
        ...findSockets(place).map((path) => `socket ${path}`),
      ];
    },
    remove() {
      for (const path of containersIn(runcRoot)) {
        const id = path.slice(runcRoot.length + 1);
        spawnSync('runc', ['--root', runcRoot, 'delete', '--force', id]);
      }
      for (const path of mountsBelow(testbed.directory)) spawnSync('umount', ['--lazy', path]);
      for (const path of findSockets(place)) rmSync(path, { force: true });
      const groups = findControlGroups(namespace);
      // runc knows nothing of a container that it was just making when it was killed.
      if (!isShared)
        removeEmpty(runcRoot, [...groups.flatMap((group) => testbed.ids.map((id) => join(group, id))), ...groups]);
    },
  };
}

/** No runtime removes the directories that it makes for a namespace. Those that are in use stay. */
function removeEmpty(directory: string, controlGroups: readonly string[]): void {
  const paths = [directory, ...controlGroups].filter((path) => existsSync(path));
  if (paths.length > 0) spawnSync('rmdir', paths, { stdio: 'ignore' });
}

/** Those of our daemons, of one namespace or for one container, and that of containerd-shim-runc-v2, a hash too. */
export function findSockets({
  address,
  namespace,
  testbed,
}: Pick<ContainerdInstance, 'address' | 'namespace'> & { testbed: Pick<Testbed, 'ids'> }): string[] {
  const hashOf = (id: string): string =>
    createHash('sha256')
      .update(join(address, namespace, id))
      .digest('hex');
  const ours = ['', ...testbed.ids].map((group) => socketPath({ address, namespace, group }));
  const theirs = testbed.ids.map((id) => join(socketDirectory, hashOf(id)));
  return [...ours, ...theirs].filter((path) => existsSync(path));
}

/** The last mounted first. */
function mountsBelow(directory: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');
  const points = lines.map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => point.startsWith(`${directory}/`)).toReversed();
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}
