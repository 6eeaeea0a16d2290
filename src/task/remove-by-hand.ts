/**
 * What a forced delete of a runtime does, for a container whose runtime is not on this machine any more: it may have been
 * upgraded away. Its init has ended, or was killed.
 */
import { constants } from 'node:os';
import { basename } from 'node:path';
import type { OciRuntime } from '../runtime/oci-runtime.js';
import { removeCgroup, signalCgroup } from './cgroup/end-cgroup.js';

export interface Leftovers {
  id: string;
  runtime: OciRuntime;
  /** The directories of its cgroup. */
  cgroup: readonly string[];
  /** Whether the end of its init leaves other processes alive. */
  sharesPids: boolean;
}

/** Kills what is left of its processes, and removes its cgroup and what the runtime kept of it. */
export async function removeByHand({ id, runtime, cgroup, sharesPids }: Leftovers): Promise<void> {
  runtime.forget(id);
  signalCgroup(sharesPids ? cgroup : cgroup.filter((directory) => isNamedAfter(basename(directory), id)), sigkill);
  await removeCgroup(cgroup);
}

/** Whether a cgroup is this container's by its name, as everybody has it, and so no other's. */
export function isNamedAfter(name: string, id: string): boolean {
  return name === id || name.endsWith(`-${id}.scope`);
}

const sigkill = constants.signals.SIGKILL;
