/** Kills the init of a container if the runtime could not kill it. */
import { isNamedAfter } from '../../task/remove-by-hand.js';
import { errnoOf, fileError } from '../../errors/file-error.js';
import { readCgroupFile } from '../../task/cgroup/cgroup-paths.js';

/**
 * Kills the process if it still belongs to the container. Another process may have got the pid since the runtime wrote
 * it to a file. So the control group of the process decides: containerd's clients name it after the container.
 */
export function killLeftovers(pid: number, id: string): void {
  if (pid === 0 || !isOfContainer(pid, id)) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw fileError(error, `kill process ${pid}`);
  }
}

function isOfContainer(pid: number, id: string): boolean {
  const groups = readCgroupFile(pid)?.split(/[/\n]/) ?? [];
  return groups.some((name) => isNamedAfter(name, id));
}
