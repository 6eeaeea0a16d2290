/**
 * Makes a program draw its screen anew: its terminal gets a row less, and the row back.
 *
 * The kernel sends SIGWINCH only for a size that differs, and many programs draw only if they see it differ. So the other
 * size stays for a moment.
 */
import { readFileSync } from 'node:fs';
import type { Size } from '../os/console.js';
import type { TaskProcess } from '../task/process.js';
import { isSameSize } from './size.js';

export interface Redraw {
  /** The size that the terminal will have again; undefined while it has it. */
  readonly restoredSize: Size | undefined;
  /** Soon, and once for all who ask meanwhile. */
  ask(): void;
  /** To be called before the terminal gets another size, which makes it draw too, and when it has ended. Idempotent. */
  cancel(): void;
}

/** How long the other size stays. */
const otherSizeMs = 100;
/** During a flood a client may be skipped, and ask, many times in a second. */
const intervalMs = 1000;

export function createRedraw(process: Pick<TaskProcess, 'pid' | 'terminal' | 'resize'>): Redraw {
  let timer: NodeJS.Timeout | undefined;
  let restoredSize: Size | undefined;
  let lastAt = Number.NEGATIVE_INFINITY;

  const begin = (): void => {
    timer = undefined;
    const size = process.terminal?.size;
    if (size === undefined || size.rows === 0 || !hasForeground(process.pid)) return;
    lastAt = performance.now();
    restoredSize = size;
    const other = { columns: size.columns, rows: size.rows > 1 ? size.rows - 1 : 2 };
    process.resize(other);
    timer = setTimeout(() => restore(size, other), otherSizeMs);
  };
  const restore = (size: Size, other: Size): void => {
    timer = undefined;
    restoredSize = undefined;
    // Others, such as containerd, may have set a size meanwhile.
    if (isSameSize(process.terminal?.size ?? size, other)) process.resize(size);
  };
  return {
    get restoredSize() {
      return restoredSize;
    },
    ask() {
      timer ??= setTimeout(begin, Math.max(0, lastAt + intervalMs - performance.now()));
    },
    cancel() {
      clearTimeout(timer);
      timer = undefined;
      restoredSize = undefined;
    },
  };
}

/** Whether the terminal of a process has foreground processes, whom a new size is told: tpgid in proc_pid_stat(5). */
function hasForeground(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[5]) > 0;
  } catch {
    return false;
  }
}
