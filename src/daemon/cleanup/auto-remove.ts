/**
 * What a command has made and wants removed is its own to remove. But it may be killed, or leave while the process goes
 * on: then the daemon does it, once the process has ended.
 */
import type { Task } from '../task.js';
import type { Tasks } from '../tasks.js';

/** Removes the container at its end if `client`, its creator's connection, has gone; at once if that never started it. */
export function autoRemove(client: AbortSignal, tasks: Tasks, task: Task): void {
  const { container } = task;
  whenGone(client, async () => {
    // It may be being started just now, and is its process's then.
    await container.quiet();
    if (container.init.state !== 'created') await container.outputEnded(container.init).catch(() => {});
    // Somebody may have deleted it.
    if (tasks.find(container.id) !== task) return;
    await tasks.leaving(container.destroy().then(() => tasks.remove(task)));
  });
}

/** As `autoRemove`, for a process that was added to a container. */
export function autoRemoveExec(client: AbortSignal, { container }: Task, execId: string): void {
  const process = container.process(execId);
  const remove = async (): Promise<boolean> => {
    try {
      await container.delete(execId);
      return true;
    } catch {
      return false;
    }
  };
  whenGone(client, async () => {
    // It cannot be removed if it is being started just now.
    if (!process.isMade && (await remove())) return;
    await process.exited.catch(() => {});
    await remove();
  });
}

function whenGone(client: AbortSignal, work: () => Promise<void>): void {
  if (client.aborted) void work();
  else client.addEventListener('abort', () => void work(), { once: true });
}
