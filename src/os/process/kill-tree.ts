/** Kills a process and its descendants. */
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Sends SIGKILL to a process and its descendants. Stops each before it reads its children, so that there are no more
 * meanwhile. Without the kernel's list of children (proc_pid_task_children(5)) only the process itself is killed.
 */
export function killTree(pid: number): void {
  const found = new Set([pid]);
  for (const one of found) {
    send(one, 'SIGSTOP');
    for (const child of childrenOf(one)) found.add(child);
  }
  for (const one of found) send(one, 'SIGKILL');
}

/** As `killTree`, but without the process itself, which continues and may make more. */
export function killDescendants(pid: number): void {
  for (const child of childrenOf(pid)) killTree(child);
}

function childrenOf(pid: number): number[] {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const lists = tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8'));
    return lists.flatMap((list) => list.trim().split(' ')).flatMap((word) => (word === '' ? [] : [Number(word)]));
  } catch {
    return [];
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}
