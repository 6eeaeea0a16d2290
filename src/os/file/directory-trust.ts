/**
 * Whom a directory lets in. A socket, a FIFO or a record is believed because of the directory it lies in, so nobody but root
 * and this user may put something there, or exchange the directory for another. The launcher has the same rule
 * (native/launcher/directory.c).
 */
import { type Stats, chmodSync, constants, lstatSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import { errnoOf, fileError } from '../../errors/file-error.js';

/** Whose it must be: this user's, or root's as well, where we only meet others. */
export type Owner = 'ours' | 'ours or root';

/** Makes a directory where it is missing, for this user alone (0700). Throws ERR_DIRECTORY_UNSAFE, ERR_SYSTEM. */
export function makePrivateDirectory(path: string): void {
  orSay(`make the directory ${path}`, () => mkdirSync(path, { recursive: true, mode: 0o700 }));
  assertTrusted(path, 'ours');
  const { mode } = orSay(`look at ${path}`, () => lstatSync(path));
  // What others could only read before.
  if ((mode & 0o777) !== 0o700) orSay(`close ${path} to others`, () => chmodSync(path, 0o700));
}

/** Nothing if it is missing. Throws ERR_DIRECTORY_UNSAFE, which says what is wrong, and ERR_SYSTEM. */
export function assertTrusted(path: string, owner: Owner): void {
  const fault = orSay(`look at ${path}`, () => faultOf(path, owner));
  if (fault !== undefined) throw new TermshimError('ERR_DIRECTORY_UNSAFE', fault);
}

/** False also if it is missing, or cannot be looked at. */
export function isTrusted(path: string, owner: Owner): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined && faultOf(path, owner) === undefined;
  } catch {
    return false;
  }
}

/** Why it is not to be trusted, in words. */
function faultOf(path: string, owner: Owner): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found && (faultOfItself(path, found, owner) ?? faultAbove(path, stepsAbove(path)));
}

/** A directory on the way to another: what lstat(2) says of it. */
export interface Step extends Pick<Stats, 'uid' | 'mode'> {
  path: string;
}

/** As `assertTrusted`, for what somebody else has looked at: the directory by its real path, and those above it up to `/`. */
export function assertTrustedSteps([itself, ...above]: readonly [Step, ...Step[]], owner: Owner): void {
  const fault = faultOfItself(itself.path, itself, owner) ?? faultAbove(itself.path, above);
  if (fault !== undefined) throw new TermshimError('ERR_DIRECTORY_UNSAFE', fault);
}

function faultOfItself(path: string, found: Omit<Step, 'path'>, owner: Owner): string | undefined {
  const type = found.mode & constants.S_IFMT;
  if (type === constants.S_IFLNK) return `${path} is a link, and not a directory of this user`;
  const isOwn = found.uid === process.geteuid?.() || (owner !== 'ours' && found.uid === 0);
  if (type !== constants.S_IFDIR || !isOwn) return `${path} is not a directory of this user`;
  return isOpenToOthers(found) ? `others may write to ${path}, whose mode is ${modeOf(found)}` : undefined;
}

function* stepsAbove(path: string): Iterable<Step> {
  for (let above = realpathSync.native(dirname(path)); ; above = dirname(above)) {
    const { uid, mode } = lstatSync(above);
    yield { path: above, uid, mode };
    if (above === '/') return;
  }
}

/** Whoever may write to a directory above may exchange all below it, but for what the sticky bit keeps. */
function faultAbove(path: string, steps: Iterable<Step>): string | undefined {
  for (const step of steps) {
    if (!isOfTheSystem(step))
      return `${path} can be exchanged by the user ${step.uid}, whose directory ${step.path} is`;
    const isSticky = (step.mode & 0o1000) !== 0;
    if (isOpenToOthers(step) && !isSticky) {
      return `${path} can be exchanged by others, who may write to ${step.path}, whose mode is ${modeOf(step)}`;
    }
  }
  return undefined;
}

type Mode = Pick<Stats, 'mode'>;

function isOpenToOthers({ mode }: Mode): boolean {
  return (mode & 0o022) !== 0;
}

function modeOf({ mode }: Mode): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

/** In a user namespace the host's root is nobody that it knows. */
function isOfTheSystem({ uid }: Pick<Stats, 'uid'>): boolean {
  if (uid === 0 || uid === process.geteuid?.()) return true;
  const words = (file: string): string[] => readFileSync(file, 'utf8').trim().split(/\s+/);
  return uid === Number(words('/proc/sys/kernel/overflowuid')[0]) && words('/proc/self/uid_map')[2] !== everybody;
}

/** How many users there are outside of user namespaces; see user_namespaces(7). */
const everybody = '4294967295';

function orSay<T>(attempted: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw fileError(error, attempted);
  }
}
