/** A session for scripts, the same in `ps` and `inspect`. */
import type { Session } from '../../ttrpc/gen/termshim/sessions.js';

/** The exit status of a process that has not ended is null. */
export function sessionJson(session: Session): object {
  return { ...session, exitStatus: session.exitedAt === undefined ? null : session.exitStatus };
}
