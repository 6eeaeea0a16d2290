/**
 * The containers of a daemon of this user that was killed: nobody has their terminals any more, and nobody would remove
 * them. The next daemon ends them when it begins.
 */
import { rmSync } from 'node:fs';
import { listPrivateDirectories } from '../os/private-directory.js';
import { isMissing, ociRuntime } from '../runtime/oci-runtime.js';
import { findLive } from '../runtime/pty/process-table.js';
import { removeByHand } from '../task/remove-by-hand.js';
import { placePrefix } from './bundle-place.js';
import { readInitPid } from './container-record.js';
import { killRemains } from './kill-remains.js';
import { type OwnRecord, readOwnRecord } from './own-record.js';

export interface SweepListener {
  onSwept: (id: string) => void;
  /** What could not be ended stays, and its directory with it, for the next daemon. */
  onFault: (error: Error) => void;
}

/** Settles when nothing of them is left. Does not fail. */
export async function sweep({ onSwept, onFault }: SweepListener): Promise<void> {
  const attempt = (work: () => Promise<void>): Promise<void> =>
    work().catch((error: unknown) => onFault(error as Error));
  await attempt(async () => {
    const directories = listPrivateDirectories(placePrefix);
    await Promise.all(directories.map((directory) => attempt(() => sweepOne(directory, onSwept))));
  });
}

async function sweepOne(directory: string, onSwept: SweepListener['onSwept']): Promise<void> {
  const record = readOwnRecord(directory);
  // Without one it is being made just now, or there is nothing but a directory.
  if (record === undefined || findLive(record.daemon) !== undefined) return;
  await end(directory, record);
  rmSync(directory, { recursive: true, force: true });
  onSwept(record.id);
}

async function end(directory: string, record: OwnRecord): Promise<void> {
  const { id, bundle, name, runtime: command, cgroup = [] } = record;
  const runtime = ociRuntime({ name, command, directory: { path: bundle, mayHang: true } });
  const pid = readInitPid(directory);
  // It may have been removed by hand, and another may have its id by now.
  const state = await runtime.state(id).catch((error: unknown) => (isMissing(error) ? 'unknown' : undefined));
  if (state === 'unknown') {
    killRemains(pid, id);
    await removeByHand({ id, runtime, cgroup, sharesPids: false });
    return;
  }
  if (state !== undefined && (state.bundle !== bundle || ![0, pid].includes(state.pid))) return;
  if (state !== undefined) await runtime.delete(id, { force: true });
  killRemains(pid, id);
}
