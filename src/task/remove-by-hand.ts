/**
 * Replaces the runtime's forced delete if the runtime is not installed, for example because an upgrade removed it. The
 * container's init has ended, or was killed.
 */
import { constants } from 'node:os';
import { basename } from 'node:path';
import type { OciRuntime } from '../runtime/oci-runtime.js';
import { removeCgroup, signalCgroup } from './cgroup/end-cgroup.js';

export interface Leftovers {
  id: string;
  runtime: OciRuntime;
  /** The directories of the container's cgroup. */
  cgroup: readonly string[];
  /** Whether other processes of the container may outlive its init. */
  sharesPids: boolean;
}

/** Removes the runtime's state directory of the container, kills its remaining processes, and removes its cgroup. */
export async function removeByHand({ id, runtime, cgroup, sharesPids }: Leftovers): Promise<void> {
  runtime.forget(id);
  signalCgroup(sharesPids ? cgroup : cgroup.filter((directory) => isNamedAfter(basename(directory), id)), sigkill);
  await removeCgroup(cgroup);
}

/**
 * Whether a cgroup has a usual name for this container (`ID`, `PREFIX-ID.scope`), and so belongs to no other container.
 */
export function isNamedAfter(name: string, id: string): boolean {
  return name === id || name.endsWith(`-${id}.scope`);
}

const sigkill = constants.signals.SIGKILL;
