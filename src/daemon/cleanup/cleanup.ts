/**
 * What processes of this user have left that were killed: directories of all kinds, and the containers of a daemon, which
 * nobody has the terminals of any more, and nobody would remove. Each daemon sweeps when it begins.
 */
import { basename } from 'node:path';
import { type AbandonedDirectory, takeAbandonedDirectories } from '../../os/file/private-directory.js';
import { isMissing, ociRuntime } from '../../runtime/oci-runtime.js';
import { removeByHand } from '../../task/remove-by-hand.js';
import { containerPrefix } from '../container-directory.js';
import { readInitPid } from '../container-record.js';
import { killLeftovers } from './kill-leftovers.js';
import { type UserDaemonRecord, readUserDaemonRecord } from './user-daemon-record.js';

export interface CleanupListener {
  onCleanedUp: (id: string) => void;
  /** What could not be ended stays, and its directory with it, for the next daemon. */
  onError: (error: Error) => void;
}

/** Settles when nothing of them is left. Does not fail. */
export async function cleanUp({ onCleanedUp, onError }: CleanupListener): Promise<void> {
  const attempt = (work: () => Promise<void>): Promise<boolean> =>
    work().then(
      () => true,
      (error: unknown) => {
        onError(error as Error);
        return false;
      },
    );
  const cleanUpDirectory = async (directory: AbandonedDirectory): Promise<void> => {
    try {
      const containers = directory.directories.filter((path) => basename(path).startsWith(`${containerPrefix}-`));
      const areEnded = await Promise.all(containers.map((path) => attempt(() => cleanUpContainer(path, onCleanedUp))));
      if (areEnded.every(Boolean)) directory.remove();
    } finally {
      directory.close();
    }
  };
  await attempt(async () => {
    await Promise.all(takeAbandonedDirectories().map((directory) => attempt(() => cleanUpDirectory(directory))));
  });
}

async function cleanUpContainer(directory: string, onCleanedUp: CleanupListener['onCleanedUp']): Promise<void> {
  const record = readUserDaemonRecord(directory);
  // Without one it was being made, or deleted: there is nothing but a directory.
  if (record === undefined) return;
  await end(directory, record);
  onCleanedUp(record.id);
}

async function end(directory: string, record: UserDaemonRecord): Promise<void> {
  const { id, bundle, name, runtime: command, cgroup = [] } = record;
  const runtime = ociRuntime({ name, command, directory: { path: bundle, mayHang: true } });
  const pid = readInitPid(directory);
  // It may have been removed by hand, and another may have its id by now.
  const state = await runtime.state(id).catch((error: unknown) => (isMissing(error) ? 'unknown' : undefined));
  if (state === 'unknown') {
    killLeftovers(pid, id);
    await removeByHand({ id, runtime, cgroup, sharesPids: false });
    return;
  }
  if (state !== undefined && (state.bundle !== bundle || ![0, pid].includes(state.pid))) return;
  if (state !== undefined) await runtime.delete(id, { force: true });
  killLeftovers(pid, id);
}
