/**
 * Removes what killed processes of this user have left: their private directories, and the containers of a user's
 * daemon, whose terminals are lost. Each daemon does this when it starts.
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
  /** Called if something could not be removed. A container that could not be ended stays, with its directory. */
  onError: (error: Error) => void;
}

/** Settles when everything was removed or reported to `onError`. Never rejects. */
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
  // Without a record there is no container, only the directory.
  if (record === undefined) return;
  await end(directory, record);
  onCleanedUp(record.id);
}

async function end(directory: string, record: UserDaemonRecord): Promise<void> {
  const { id, bundle, name, runtime: command, cgroup = [] } = record;
  const runtime = ociRuntime({ name, command, directory: { path: bundle, mayHang: true } });
  const pid = readInitPid(directory);
  // The user may have removed the container by hand, and another container may have its id.
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
