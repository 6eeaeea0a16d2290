/** Creates a container and its init, from a bundle or from a checkpoint. */
import { rmSync } from 'node:fs';
import { constants } from 'node:os';
import { posix } from 'node:path';
import { TermshimError } from '../errors/errors.js';
import { wait } from '../async/wait.js';
import { allDirectoriesOf } from './cgroup/cgroup-paths.js';
import { removeCgroup, signalCgroup } from './cgroup/end-cgroup.js';
import type { TaskContainerOptions, RestoreFrom } from './container-options.js';
import { type LaunchedProcess, type LaunchOptions, launchProcess } from './launch.js';
import { openIo } from './io/open-io.js';

/** If this fails, nothing of the container stays. If the cleanup fails too, `onError` gets the error of the cleanup. */
export function createInit(options: TaskContainerOptions): Promise<LaunchedProcess> {
  const { id, runtime, bundle, noPivot, noNewKeyring, signal } = options;
  return launchInit(options, signal, {
    make: (io) => runtime.create(id, { bundle, noPivot, noNewKeyring, ...io }),
  });
}

/**
 * The restored processes run at once. If this fails, it cleans up as `createInit` does, and the caller may try again.
 */
export async function restoreInit(
  options: TaskContainerOptions,
  { cgroupsPath, ...from }: RestoreFrom,
  signal: AbortSignal | undefined,
): Promise<LaunchedProcess> {
  const { id, runtime, bundle, noPivot, pidFile, onError } = options;
  await assertIdIsFree(options, signal);
  // A cancelled restore may have left the file.
  rmSync(pidFile, { force: true });
  const before = cgroupsAt(cgroupsPath);
  try {
    return await launchInit(options, signal, {
      make: (io) => runtime.restore(id, { ...from, bundle, noPivot, ...io }),
      mayLeaveParts: true,
    });
  } catch (error) {
    // crun (1.28) leaves the cgroups and processes that criu has made.
    const made = cgroupsAt(cgroupsPath).filter((directory) => !before.includes(directory));
    signalCgroup(made, constants.signals.SIGKILL);
    await removeCgroup(made).catch(onError);
    throw error;
  }
}

/** None for a path such as `slice:prefix:name`: systemd makes these cgroups, and removes them too. */
function cgroupsAt(path: string | undefined): string[] {
  return path?.startsWith('/') === true ? allDirectoriesOf(posix.normalize(path)) : [];
}

/**
 * Throws ERR_ID_IN_USE if the runtime has a container of this id: if a restore fails, its remains are removed by force,
 * and no other container may have the id then.
 */
export async function assertIdIsFree(
  { id, runtime }: Pick<TaskContainerOptions, 'id' | 'runtime'>,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  try {
    await wait(runtime.state(id), signal);
  } catch (error) {
    if (error instanceof TermshimError && error.code === 'ERR_RUNTIME_FAILED') return;
    throw error;
  }
  throw new TermshimError('ERR_ID_IN_USE', `${runtime.name} already has a container ${id}`);
}

async function launchInit(
  options: TaskContainerOptions,
  signal: AbortSignal | undefined,
  how: Pick<LaunchOptions, 'make' | 'mayLeaveParts'>,
): Promise<LaunchedProcess> {
  const { id, runtime, pidFile, stdio, onError } = options;
  return await launchProcess({
    ...how,
    io: await openIo(stdio, { ...options, signal }),
    signal,
    pidFile,
    // A runtime that hung once hangs again. The limit keeps it from delaying the error of the launch.
    unmake: () => runtime.delete(id, { force: true, signal: AbortSignal.timeout(5000) }).catch(onError),
  });
}
