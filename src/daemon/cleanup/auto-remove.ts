/**
 * Removes containers and execs whose command asked for their removal. Usually the command itself does that. If it is
 * killed, or leaves while the process goes on, the daemon does it once the process has ended.
 */
import { type Task, deleteExec } from '../task.js';
import type { Tasks } from '../tasks.js';

/**
 * When `client`, the connection of the container's creator, is closed: removes the container once it has ended, or at
 * once if it was never started.
 */
export function autoRemove(client: AbortSignal, tasks: Tasks, task: Task): void {
  const { container } = task;
  whenGone(client, async () => {
    // A Start may be under way.
    await container.quiet();
    if (container.init.state !== 'created') await container.outputEnded(container.init).catch(() => {});
    // Another client may have deleted it.
    if (tasks.find(container.id) !== task) return;
    await tasks.leaving(container.destroy().then(() => tasks.remove(task)));
  });
}

/** Does the same as `autoRemove` for an exec. */
export function autoRemoveExec(client: AbortSignal, task: Task, execId: string): void {
  const process = task.container.process(execId);
  const remove = async (): Promise<boolean> => {
    try {
      await deleteExec(task, execId);
      return true;
    } catch {
      return false;
    }
  };
  whenGone(client, async () => {
    // The removal fails if a Start was under way.
    if (!process.isMade && (await remove())) return;
    await process.exited.catch(() => {});
    await remove();
  });
}

function whenGone(client: AbortSignal, work: () => Promise<void>): void {
  if (client.aborted) void work();
  else client.addEventListener('abort', () => void work(), { once: true });
}
