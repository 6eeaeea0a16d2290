/** How long a thread has had a processor, which is what it can be blamed for where others keep the machine busy. */
import { readFileSync, readlinkSync } from 'node:fs';

/** The directory in /proc of the thread that asks; undefined where there is none. */
export function ownThread(): string | undefined {
  try {
    return `/proc/${readlinkSync('/proc/thread-self')}`;
  } catch {
    return undefined;
  }
}

/** In milliseconds, exact to 10; without such a directory it is the time that goes by. See proc_pid_stat(5). */
export function threadMs(thread: string | undefined): number {
  try {
    const stat = thread === undefined ? '' : readFileSync(`${thread}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return Number.isFinite(ticks) ? ticks * 10 : performance.now();
  } catch {
    return performance.now();
  }
}
