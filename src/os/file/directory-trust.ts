/**
 * Checks who may change a directory. A socket, a FIFO or a record is trusted because of its directory, so only root and
 * this user may create files there or replace the directory. native/launcher/directory.c has the same rule. The rule for
 * log files, whose directories others may write to, is in open-directory.ts.
 */
import { type Stats, chmodSync, constants, lstatSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import { errnoOf, fileError } from '../../errors/file-error.js';

/** Who may own the directory: this user, or also root if the directory is shared with other programs. */
export type Owner = 'ours' | 'ours or root';

/** Makes the directory if it is missing, and sets its mode to 0700. Throws ERR_DIRECTORY_UNSAFE, ERR_SYSTEM. */
export function makePrivateDirectory(path: string): void {
  orSay(`make the directory ${path}`, () => mkdirSync(path, { recursive: true, mode: 0o700 }));
  assertTrusted(path, 'ours');
  const { mode } = orSay(`access ${path}`, () => lstatSync(path));
  // Others could read this directory, but not write to it: assertTrusted refuses that.
  if ((mode & 0o777) !== 0o700) orSay(`set the mode of ${path} to 0700`, () => chmodSync(path, 0o700));
}

/** Accepts a missing directory. Throws ERR_DIRECTORY_UNSAFE, whose message says what is wrong, and ERR_SYSTEM. */
export function assertTrusted(path: string, owner: Owner): void {
  const fault = orSay(`access ${path}`, () => faultOf(path, owner));
  if (fault !== undefined) throw new TermshimError('ERR_DIRECTORY_UNSAFE', fault);
}

/** Whether the directory exists and `assertTrusted` accepts it. False if lstat(2) fails. */
export function isTrusted(path: string, owner: Owner): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined && faultOf(path, owner) === undefined;
  } catch {
    return false;
  }
}

/** Why the directory is not trusted, as a sentence; undefined if it is trusted or missing. */
function faultOf(path: string, owner: Owner): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found && (faultOfItself(path, found, owner) ?? faultAbove(path, stepsAbove(path)));
}

/** A directory on a path, and its owner and mode by lstat(2). */
export interface Step extends Pick<Stats, 'uid' | 'mode'> {
  path: string;
}

/** As `assertTrusted`, but from results of lstat(2): for the directory by its real path, then for each above it. */
export function assertTrustedSteps([itself, ...above]: readonly [Step, ...Step[]], owner: Owner): void {
  const fault = faultOfItself(itself.path, itself, owner) ?? faultAbove(itself.path, above);
  if (fault !== undefined) throw new TermshimError('ERR_DIRECTORY_UNSAFE', fault);
}

function faultOfItself(path: string, found: Omit<Step, 'path'>, owner: Owner): string | undefined {
  const type = found.mode & constants.S_IFMT;
  if (type === constants.S_IFLNK) return `${path} is a link, not a directory of this user`;
  const isOwn = found.uid === process.geteuid?.() || (owner !== 'ours' && found.uid === 0);
  if (type !== constants.S_IFDIR || !isOwn) return `${path} is not a directory of this user`;
  return isOpenToOthers(found) ? `other users may write to ${path} (mode ${modeOf(found)})` : undefined;
}

function* stepsAbove(path: string): Iterable<Step> {
  for (let above = realpathSync.native(dirname(path)); ; above = dirname(above)) {
    const { uid, mode } = lstatSync(above);
    yield { path: above, uid, mode };
    if (above === '/') return;
  }
}

/** A user who may write to a directory above can replace everything below it, unless the sticky bit prevents that. */
function faultAbove(path: string, steps: Iterable<Step>): string | undefined {
  for (const step of steps) {
    if (!isOfTheSystem(step))
      return `user ${step.uid} could replace ${path}, because ${step.path} belongs to this user`;
    if (isOpenToOthers(step) && !isSticky(step)) {
      return `other users could replace ${path}, because they may write to ${step.path} (mode ${modeOf(step)})`;
    }
  }
  return undefined;
}

type Mode = Pick<Stats, 'mode'>;

function isOpenToOthers({ mode }: Mode): boolean {
  return (mode & 0o022) !== 0;
}

/** In a sticky directory a user cannot remove or replace files of another user. */
export function isSticky({ mode }: Mode): boolean {
  return (mode & 0o1000) !== 0;
}

function modeOf({ mode }: Mode): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

/** Whether root or this user owns it. In a user namespace lstat(2) shows the overflow uid for the host's root. */
function isOfTheSystem({ uid }: Pick<Stats, 'uid'>): boolean {
  if (uid === 0 || uid === process.geteuid?.()) return true;
  const words = (file: string): string[] => readFileSync(file, 'utf8').trim().split(/\s+/);
  return uid === Number(words('/proc/sys/kernel/overflowuid')[0]) && words('/proc/self/uid_map')[2] !== everybody;
}

/** How many uids are mapped outside of a user namespace; see user_namespaces(7). */
const everybody = '4294967295';

function orSay<T>(attempted: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw fileError(error, attempted);
  }
}
