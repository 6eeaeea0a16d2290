/** The session of this process; see credentials(7). */
import { readFileSync } from 'node:fs';

/**
 * Whether we lead a session that has no terminal, as a daemon does. Whoever signals our process group means us then: no
 * ^C comes there, and no end of a terminal.
 */
export function leadsQuietSession(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // Behind the program's name, which may be anything: state, ppid, pgrp, session, tty_nr. See proc_pid_stat(5).
  const [, , , session, terminal] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(session) === process.pid && terminal === '0';
}
