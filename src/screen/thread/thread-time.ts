/** Measures a thread's CPU time: the time that passes would count other programs on a busy machine too. */
import { readlinkSync } from 'node:fs';
import { readStatFields } from '../../os/process/proc-stat.js';

/** The directory in /proc of the calling thread; undefined if there is none. */
export function ownThread(): string | undefined {
  try {
    return `/proc/${readlinkSync('/proc/thread-self')}`;
  } catch {
    return undefined;
  }
}

/** The CPU time of a thread in ms, exact to 10; without a directory the time that passes. See proc_pid_stat(5). */
export function threadMs(thread: string | undefined): number {
  const fields = thread === undefined ? undefined : readStatFields(thread);
  const ticks = Number(fields?.[11]) + Number(fields?.[12]);
  return Number.isFinite(ticks) ? ticks * 10 : performance.now();
}
