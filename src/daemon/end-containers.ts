/** Ends all containers of a daemon, as a service manager ends a service. */
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { settleWithin } from '../async/settle-within.js';
import type { Task } from './task.js';
import type { Tasks } from './tasks.js';

export interface EndOptions {
  /** How long a container may take to end after SIGTERM, before SIGKILL; 0: it gets SIGKILL at once. */
  graceMs: number;
  /** Called if something of a container stays. The other containers are ended all the same. */
  onError: (error: Error) => void;
}

/**
 * Sends SIGTERM to the init of each container, waits for `graceMs`, and then kills and removes what is left. Settles
 * when nothing keeps the daemon alive: a container whose creation is under way is ended when it exists.
 */
export async function endContainers(tasks: Tasks, options: EndOptions): Promise<void> {
  while (tasks.count > 0) {
    await Promise.all(tasks.list().map((task) => endContainer(tasks, task, options)));
    if (tasks.count > 0) await delay(pollMs);
  }
}

async function endContainer(tasks: Tasks, task: Task, { graceMs, onError }: EndOptions): Promise<void> {
  const { container } = task;
  const { init } = container;
  try {
    if (graceMs > 0 && init.state === 'running') {
      init.trySignal(constants.signals.SIGTERM);
      await settleWithin(init.exited, graceMs);
    }
    await container.destroy();
    await tasks.remove(task);
  } catch (error) {
    onError(error as Error);
  }
}

/** How often to look for a creation that has ended. Creations and reservations have a time limit. */
const pollMs = 50;
