/**
 * Opens the directory of a file that is to be written, and keeps it open, so that another user cannot redirect
 * operations on names in it. Others may write to the directory; see directory-trust.ts if they may not.
 *
 * Another user, or a container that has a directory of the path as a volume, may put a link there that leads to a file
 * that only this process may write. So each directory is opened relative to the one before, and a link is followed only
 * if no other user can have made it. This is stricter than the kernel's protected_symlinks (sysctl/fs.rst), which
 * applies to sticky directories only.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import { errnoOf } from '../../errors/file-error.js';
import { isSticky } from './directory-trust.js';

export interface OpenDirectory {
  readonly stats: Stats;
  /** The path of a name in the directory. If the name may be a link, the caller must handle that. */
  at(name: string): string;
  /** Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens the directory of a file. Rejects with ERR_PATH_UNTRUSTED, and with what node:fs throws.
 *
 * @param make whether to make missing directories, with mode 0755
 */
export async function openDirectoryOf(file: string, make = false): Promise<OpenDirectory> {
  const path = dirname(resolve(file));
  const names = path.split('/').filter((name) => name !== '');
  let place = await hold('/');
  try {
    for (let links = 0; names.length > 0; ) {
      const name = names.shift() as string;
      const found = await lookAt(place, name, make);
      if (!found.isSymbolicLink()) {
        place = await exchange(place, place.at(name));
        continue;
      }
      if (!isTrustedLink(found, place.stats))
        throw untrusted(file, `${name} in ${path} is a link that another user may have created`);
      if (++links > mostLinks) throw untrusted(file, `the path has more than ${mostLinks} links`);
      const target = await readlink(place.at(name));
      names.unshift(...target.split('/').filter((it) => it !== '' && it !== '.'));
      if (target.startsWith('/')) place = await exchange(place, '/');
    }
    return place;
  } catch (error) {
    await place.close();
    throw error;
  }
}

/** Whether only root or this user can have put the link into the directory. */
export function isTrustedLink(link: Pick<Stats, 'uid'>, directory: Stats): boolean {
  const isOthersDirectory = isWritableByOthers(directory) && !isSticky(directory);
  return isOurs(link) && !isOthersDirectory;
}

/** Whether this user owns it, or root, who may write to everything anyway. */
export function isOurs({ uid }: Pick<Stats, 'uid'>): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

/** Whether others, or a group other than root's and this process's, may write to it. logrotate refuses the same. */
export function isWritableByOthers({ mode, gid }: Stats): boolean {
  const isOurGroup = gid === 0 || gid === process.getegid?.();
  return (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && !isOurGroup);
}

export function untrusted(path: string, reason: string): TermshimError {
  return new TermshimError('ERR_PATH_UNTRUSTED', `refused to write ${path}: ${reason}`);
}

/** The kernel's own limit; see path_resolution(7). */
const mostLinks = 40;

/** O_PATH of open(2), which node:fs lacks: it only finds a file, so a FIFO does not block and a device does nothing. */
export const O_PATH = 0o10000000;

async function lookAt(place: OpenDirectory, name: string, make: boolean): Promise<Stats> {
  try {
    return await lstat(place.at(name));
  } catch (error) {
    if (!make || errnoOf(error) !== 'ENOENT') throw error;
    await mkdir(place.at(name), 0o755).catch((failure: unknown) => {
      if (errnoOf(failure) !== 'EEXIST') throw failure;
    });
    return await lstat(place.at(name));
  }
}

async function exchange(old: OpenDirectory, path: string): Promise<OpenDirectory> {
  const next = await hold(path);
  await old.close();
  return next;
}

async function hold(path: string): Promise<OpenDirectory> {
  const handle = await open(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const stats = await handle.stat();
    const close = closeOnce(handle);
    return { stats, at: (name) => `/proc/self/fd/${handle.fd}/${name}`, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function closeOnce(handle: FileHandle): () => Promise<void> {
  let closed: Promise<void> | undefined;
  return () => (closed ??= handle.close());
}
