/** Makes the init of a container, and the container with it: a new one, or one of a checkpoint. */
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

/** If it fails, nothing of it stays, or `onError` was told why. */
export function createInit(options: TaskContainerOptions): Promise<LaunchedProcess> {
  const { id, runtime, bundle, noPivot, noNewKeyring, signal } = options;
  return launchInit(options, signal, {
    make: (io) => runtime.create(id, { bundle, noPivot, noNewKeyring, ...io }),
  });
}

/** Its processes run from then on. If it fails, nothing of it stays, as with `createInit`, and it can be tried again. */
export async function restoreInit(
  options: TaskContainerOptions,
  { cgroupsPath, ...from }: RestoreFrom,
  signal: AbortSignal | undefined,
): Promise<LaunchedProcess> {
  const { id, runtime, bundle, noPivot, pidFile, onError } = options;
  await assertIdIsFree(options, signal);
  // One that was called off may have left it.
  rmSync(pidFile, { force: true });
  const before = cgroupsAt(cgroupsPath);
  try {
    return await launchInit(options, signal, {
      make: (io) => runtime.restore(id, { ...from, bundle, noPivot, ...io }),
      mayLeaveParts: true,
    });
  } catch (error) {
    // crun (1.28) leaves what criu has made of it.
    const made = cgroupsAt(cgroupsPath).filter((directory) => !before.includes(directory));
    signalCgroup(made, constants.signals.SIGKILL);
    await removeCgroup(made).catch(onError);
    throw error;
  }
}

/** Where systemd makes them, as in `slice:prefix:name`, it removes them too. */
function cgroupsAt(path: string | undefined): string[] {
  return path?.startsWith('/') === true ? allDirectoriesOf(posix.normalize(path)) : [];
}

/** Whatever a restore that fails has left is removed by force: it must be ours. Throws ERR_ID_IN_USE. */
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
  throw new TermshimError('ERR_ID_IN_USE', `${runtime.name} has a container ${id} already`);
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
    // A runtime that hung once hangs again: the error that led here is to be told soon.
    unmake: () => runtime.delete(id, { force: true, signal: AbortSignal.timeout(5000) }).catch(onError),
  });
}
