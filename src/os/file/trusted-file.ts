/** Opens a file by its name in a directory that others may write to, and creates one there. */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { errnoOf } from '../../errors/file-error.js';
import { TermshimError } from '../../errors/errors.js';
import { isOurs, isSticky, isWritableByOthers, O_PATH, type TrustedDirectory, untrusted } from './trusted-directory.js';

export interface AppendOptions {
  mode: number;
  /** O_RDWR or O_WRONLY. */
  access: number;
  /** Whether a character device of /dev will do. */
  takesDevice?: boolean;
}

const { O_APPEND, O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** So often a file may come and go while it is opened. */
const mostAttempts = 5;

/**
 * Opens a file to append to, and makes it. What others may have put there is not opened: a link, a file with a second name, a
 * FIFO, a device. Rejects with ERR_PATH_UNTRUSTED, ERR_LOG_FAILED for what is no file, and with what node:fs throws.
 */
export async function openToAppend(
  directory: TrustedDirectory,
  path: string,
  { mode, access, takesDevice = false }: AppendOptions,
): Promise<FileHandle> {
  const flags = access | O_APPEND | O_NONBLOCK | O_NOCTTY;
  const at = directory.at(basename(path));
  for (let attempt = 1; ; attempt++) {
    try {
      return (
        (await openExisting(directory, path, flags, takesDevice)) ?? (await open(at, flags | O_CREAT | O_EXCL, mode))
      );
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || attempt === mostAttempts) throw error;
    }
  }
}

/** Opens a file to read it, by the same rules. Undefined if there is none. */
export function openToRead(directory: TrustedDirectory, path: string): Promise<FileHandle | undefined> {
  return openExisting(directory, path, O_RDONLY, false);
}

/** Creates a file that was not there: no link is followed. */
export function createFile(at: string, access: number, mode: number): Promise<FileHandle> {
  return open(at, access | O_CREAT | O_EXCL, mode);
}

/** Looks before it opens, and opens what it has looked at. Undefined if there is none. */
async function openExisting(
  directory: TrustedDirectory,
  path: string,
  flags: number,
  takesDevice: boolean,
): Promise<FileHandle | undefined> {
  const named = await open(directory.at(basename(path)), O_PATH | O_NOFOLLOW).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (named === undefined) return undefined;
  try {
    const self = `/proc/self/fd/${named.fd}`;
    const stats = await named.stat();
    const isDevice = takesDevice && stats.isCharacterDevice() && /^\/dev\/[^ ]+$/.test(await readlink(self));
    if (!isDevice) assertFile(stats, directory, path);
    return await open(self, flags);
  } finally {
    await named.close();
  }
}

function assertFile(stats: Stats, directory: TrustedDirectory, path: string): void {
  if (stats.isSymbolicLink()) throw untrusted(path, 'it is a symbolic link');
  if (!stats.isFile()) throw new TermshimError('ERR_LOG_FAILED', `${path} is not a regular file`);
  if (stats.nlink > 1) throw untrusted(path, 'it has another name elsewhere (a hard link)');
  // In a directory of its owner it is theirs to give.
  const isOfOwner = stats.uid === directory.stats.uid && !isSticky(directory.stats);
  if (!isOurs(stats) && !isOfOwner) throw untrusted(path, `the file is of another user (uid ${stats.uid})`);
}

/**
 * As logrotate, which does not rotate there as root: others could fill, take away and replace what is written. Where the sticky
 * bit is set, as in /tmp, they cannot. Throws ERR_PATH_UNTRUSTED.
 */
export function assertNotShared(directory: TrustedDirectory, path: string): void {
  const { stats } = directory;
  if (process.geteuid?.() !== 0 || !isWritableByOthers(stats) || isSticky(stats)) return;
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
  throw untrusted(path, `others may write to its directory (mode ${mode}, group ${stats.gid})`);
}
