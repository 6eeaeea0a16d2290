/** The state of a process, as in /proc. */
import { readFileSync } from 'node:fs';

/** One letter as ps shows it, `Z` for a zombie; undefined if there is no such process. */
export function processState(pid: number): string | undefined {
  try {
    return /^State:\s*(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

export function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

export function childrenOf(pid: number): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return list.trim() === '' ? [] : list.trim().split(' ').map(Number);
}

/** Whether it sleeps in a function of the kernel whose name matches, such as pipe_write. */
export function sleepsIn(pid: number, kernelFunction: RegExp): boolean {
  return kernelFunction.test(readFileSync(`/proc/${pid}/wchan`, 'utf8'));
}
