/** A session for scripts: `ps` and `inspect` say it the same way. */
import type { Session } from '../../ttrpc/gen/termshim/sessions.js';

/** What runs has no exit status yet. */
export function sessionJson(session: Session): object {
  return { ...session, exitStatus: session.exitedAt === undefined ? null : session.exitStatus };
}
