/** Ends a process and all that it has made. */
import { readdirSync, readFileSync } from 'node:fs';

/**
 * SIGKILL for a process and its descendants. Each is stopped before it is asked for its children, so that it makes no others
 * meanwhile. A kernel without the list of children (proc_pid_task_children(5)) tells of none.
 */
export function killTree(pid: number): void {
  const found = new Set([pid]);
  for (const one of found) {
    send(one, 'SIGSTOP');
    for (const child of childrenOf(one)) found.add(child);
  }
  for (const one of found) send(one, 'SIGKILL');
}

/** As `killTree`, for what it has made alone: it goes on, and may make more. */
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
