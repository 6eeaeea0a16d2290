/** The session of this process; see credentials(7). */
import { readStatFields } from './proc-stat.js';

/**
 * Whether this process leads a session without a terminal, as a daemon does. Then its process group gets no ^C and no
 * hang-up of a terminal, so child processes can stay in it.
 */
export function leadsQuietSession(): boolean {
  // state, ppid, pgrp, session, tty_nr
  const [, , , session, terminal] = readStatFields('/proc/self') ?? [];
  return Number(session) === process.pid && terminal === '0';
}
