/**
 * The directory of a file that is to be written, held open, so that nobody leads elsewhere what is done to names in it.
 *
 * Somebody else may write to a directory on the way, a container that has it as a volume for one, and plant a link there to
 * what only we can write. So each step is taken from the directory before, and a link counts only where nobody else could
 * have made it: stricter than the kernel's protected_symlinks (sysctl/fs.rst), which is for sticky directories alone.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import { errnoOf } from '../../errors/file-error.js';

export interface TrustedDirectory {
  readonly stats: Stats;
  /** A path for a name in it. If that is a link, it is the caller's to see to. */
  at(name: string): string;
  /** Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens the directory of a file. Rejects with ERR_PATH_UNTRUSTED, and with what node:fs throws.
 *
 * @param make whether directories that are missing are made, with mode 0755
 */
export async function openDirectoryOf(file: string, make = false): Promise<TrustedDirectory> {
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
        throw untrusted(file, `${name} in ${path} is a link that others may have made`);
      if (++links > mostLinks) throw untrusted(file, `there are more than ${mostLinks} links in it`);
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

/** Whether nobody but root and us can have put the link into the directory. */
export function isTrustedLink(link: Pick<Stats, 'uid'>, directory: Stats): boolean {
  const isOthersDirectory = isWritableByOthers(directory) && !isSticky(directory);
  return isOurs(link) && !isOthersDirectory;
}

/** Of root, whom nothing is kept from, or ours. */
export function isOurs({ uid }: Pick<Stats, 'uid'>): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

/** By all, or by a group that is neither root's nor our own: what logrotate refuses. */
export function isWritableByOthers({ mode, gid }: Stats): boolean {
  const isOurGroup = gid === 0 || gid === process.getegid?.();
  return (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && !isOurGroup);
}

/** There nobody removes or replaces what is somebody else's. */
export function isSticky({ mode }: Stats): boolean {
  return (mode & 0o1000) !== 0;
}

export function untrusted(path: string, reason: string): TermshimError {
  return new TermshimError('ERR_PATH_UNTRUSTED', `${path} is not written: ${reason}`);
}

/** As the kernel's own limit; path_resolution(7). */
const mostLinks = 40;

/** O_PATH, which node:fs does not have: a file is named and not opened, so that a FIFO does not wait and a device does nothing. */
export const O_PATH = 0o10000000;

async function lookAt(place: TrustedDirectory, name: string, make: boolean): Promise<Stats> {
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

async function exchange(old: TrustedDirectory, path: string): Promise<TrustedDirectory> {
  const next = await hold(path);
  await old.close();
  return next;
}

async function hold(path: string): Promise<TrustedDirectory> {
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
