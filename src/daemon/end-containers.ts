/** Ends all containers of a daemon, as a service manager ends a service. */
import { constants } from 'node:os';
import { settleWithin } from '../async/settle-within.js';
import type { Task } from './task.js';
import type { Tasks } from './tasks.js';

/**
 * Sends SIGTERM to the init of each container, waits for `graceMs`, and then kills and removes what is left. Settles
 * when there is no container, also none that was created meanwhile.
 */
export async function endContainers(tasks: Tasks, graceMs: number): Promise<void> {
  for (let left = tasks.list(); left.length > 0; left = tasks.list()) {
    await Promise.all(left.map((task) => endContainer(tasks, task, graceMs)));
  }
}

async function endContainer(tasks: Tasks, task: Task, graceMs: number): Promise<void> {
  const { container } = task;
  const { init } = container;
  if (graceMs > 0 && init.state === 'running') {
    init.trySignal(constants.signals.SIGTERM);
    await settleWithin(init.exited, graceMs);
  }
  await container.destroy();
  await tasks.remove(task);
}
