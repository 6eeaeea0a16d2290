/**
 * Makes a program redraw its screen: takes a row from the terminal, and gives it back.
 *
 * The kernel sends SIGWINCH only if the size changes, and many programs redraw only if they read another size. So the
 * other size stays for a moment.
 */
import type { Size } from '../os/console.js';
import type { TaskProcess } from '../task/process.js';
import { isSameSize } from './size.js';
import { readStatFields } from '../os/process/proc-stat.js';

export interface Redraw {
  /** The size that the terminal gets back; undefined unless it has the other size. */
  readonly restoredSize: Size | undefined;
  /** Redraws soon, once for all calls until then. */
  ask(): void;
  /** Call it before the terminal gets a new size, which also makes the program redraw, and at the end. Idempotent. */
  cancel(): void;
}

/** How long the other size stays. */
const otherSizeMs = 100;
/** The least time between two redraws: during a flood, output is skipped for a client many times in a second. */
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

/** Whether the terminal of a process has a foreground process group, which gets SIGWINCH: tpgid in proc_pid_stat(5). */
function hasForeground(pid: number): boolean {
  return Number(readStatFields(`/proc/${pid}`)?.[5]) > 0;
}
