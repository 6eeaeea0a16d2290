/** Kills and removes a container by force, with its runtime or without it. */
import { constants } from 'node:os';
import { settleWithin } from '../async/settle-within.js';
import { isMissing } from '../runtime/oci-runtime.js';
import { newsMs } from './alive.js';
import { signalCgroup, thawCgroup } from './cgroup/end-cgroup.js';
import type { TaskContainerOptions } from './container-options.js';
import type { TaskProcess } from './process.js';
import { removeByHand } from './remove-by-hand.js';

export interface ForceTarget {
  readonly id: string;
  readonly options: TaskContainerOptions;
  readonly init: TaskProcess;
  readonly cgroupDirectories: readonly string[];
}

/** How long to wait for processes to end: before the init's exit is reported without them, and during a removal. */
export const lastWordsMs = 10_000;

/** Sends a signal to the processes of a container by the command of its runtime. */
export async function killByRuntime(container: ForceTarget, signal: number, all: boolean): Promise<void> {
  const { init, id } = container;
  const { runtime } = container.options;
  const isFrozen = init.state === 'paused';
  try {
    await runtime.kill(id, signal, { all });
  } catch (error) {
    await settleWithin(init.reaped, newsMs);
    // If the init has ended meanwhile, this throws ERR_PROCESS_NOT_FOUND.
    if (init.exit !== undefined) init.signal(signal);
    killByHand(container, signal, all, error);
    return;
  }
  // For SIGKILL, runc thaws the container. crun leaves it frozen, and so alive.
  if (isFrozen && signal === constants.signals.SIGKILL) await runtime.resume(id).catch(() => {});
}

/**
 * Sends a signal that the runtime failed to send, or throws the runtime's error. If the container has its own pid
 * namespace, killing the init ends all its processes. runc finds all processes only by a cgroup, and a user without
 * root has none.
 */
function killByHand(container: ForceTarget, signal: number, all: boolean, error: unknown): void {
  const cgroup = container.cgroupDirectories;
  const isEnough = !all || (signal === constants.signals.SIGKILL && container.options.others === 'gone');
  if (!isEnough && !(isMissing(error) && cgroup.length > 0)) throw error;
  if (isEnough) container.init.signal(signal);
  else signalCgroup(cgroup, signal);
  if (signal === constants.signals.SIGKILL) thawCgroup(cgroup);
}

/** Removes the container by force; without the runtime if it is not installed any more. */
export async function removeByForce(container: ForceTarget): Promise<void> {
  const { runtime, id, others, onError } = container.options;
  try {
    await runtime.delete(id, { force: true });
  } catch (error) {
    if (!isMissing(error)) throw error;
    onError(error as Error);
    const cgroup = container.cgroupDirectories;
    container.init.trySignal(constants.signals.SIGKILL);
    thawCgroup(cgroup);
    if (container.init.isMade) await settleWithin(container.init.reaped, lastWordsMs);
    await removeByHand({ id, runtime, cgroup, sharesPids: others !== 'gone' }).catch(onError);
  }
}

/** Kills the rest if the runtime is not installed. If it refused, the reason may be just that the init has ended. */
export function killLeft(container: ForceTarget, error: unknown): void {
  if (isMissing(error)) signalCgroup(container.cgroupDirectories, constants.signals.SIGKILL);
}
