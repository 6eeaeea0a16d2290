/** The session of this process; see credentials(7). */
import { readFileSync } from 'node:fs';

/**
 * Whether this process leads a session without a terminal, as a daemon does. Then its process group gets no ^C and no
 * hang-up of a terminal, so child processes can stay in it.
 */
export function leadsQuietSession(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // After the program's name, which may be any text: state, ppid, pgrp, session, tty_nr. See proc_pid_stat(5).
  const [, , , session, terminal] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(session) === process.pid && terminal === '0';
}
