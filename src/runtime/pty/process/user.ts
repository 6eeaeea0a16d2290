import type { OciProcess } from '../../spec/oci-spec.js';
import { failure } from '../container.js';

export interface User {
  uid: number;
  gid: number;
}

/**
 * The user that a process runs as; undefined for the caller's user, and for a process that names no user.
 *
 * Only root can become another user. So for any other caller, uid and gid 0 stand for the caller, as in a rootless
 * container.
 */
export function userOf({ user }: OciProcess): User | undefined {
  if (user === undefined || user === null) return undefined;
  const { uid, gid } = { uid: user.uid ?? 0, gid: user.gid ?? 0 };
  const [ownUid, ownGid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  if (ownUid === 0) return { uid, gid };
  if ((uid === 0 || uid === ownUid) && (gid === 0 || gid === ownGid)) return undefined;
  throw failure(`cannot run as user ${uid}:${gid}: only root can change the user`);
}

/**
 * Drops the caller's supplementary groups from this process, and so from the stub that it forks; node-pty itself would
 * leave them to the other user.
 */
export function dropGroups(user: User | undefined): void {
  if (user !== undefined) process.setgroups?.([]);
}
