/** Opens and creates files in a directory that other users may be able to write to. */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import { isSticky } from './directory-trust.js';
import { isOurs, isWritableByOthers, O_PATH, type OpenDirectory, untrusted } from './open-directory.js';
import { errnoOf, undefinedIfAbsent } from '../../errors/file-error.js';

export interface AppendOptions {
  mode: number;
  /** O_RDWR or O_WRONLY. */
  access: number;
  /** Whether to accept a character device in /dev. */
  takesDevice?: boolean;
}

const { O_APPEND, O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** How often to try if another process creates and removes the file meanwhile. */
const mostAttempts = 5;

/**
 * Opens a file to append to, and creates it if it is missing. Opens nothing that another user may have put there: a
 * link, a file with a second name, a FIFO, a device. Rejects with ERR_PATH_UNTRUSTED, with ERR_LOG_FAILED if it is not
 * a regular file, and with what node:fs throws.
 */
export async function openToAppend(
  directory: OpenDirectory,
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

/** Opens a file to read, by the same rules. Undefined if there is none. */
export function openToRead(directory: OpenDirectory, path: string): Promise<FileHandle | undefined> {
  return openExisting(directory, path, O_RDONLY, false);
}

/** Creates a file; EEXIST if the name exists, even as a link. */
export function createFile(at: string, access: number, mode: number): Promise<FileHandle> {
  return open(at, access | O_CREAT | O_EXCL, mode);
}

/** Checks the file, then opens the file that it has checked, not the name again. Undefined if there is none. */
async function openExisting(
  directory: OpenDirectory,
  path: string,
  flags: number,
  takesDevice: boolean,
): Promise<FileHandle | undefined> {
  const named = await open(directory.at(basename(path)), O_PATH | O_NOFOLLOW).catch(undefinedIfAbsent);
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

function assertFile(stats: Stats, directory: OpenDirectory, path: string): void {
  if (stats.isSymbolicLink()) throw untrusted(path, 'it is a symbolic link');
  if (!stats.isFile()) throw new TermshimError('ERR_LOG_FAILED', `${path} is not a regular file`);
  if (stats.nlink > 1) throw untrusted(path, 'it has a second name (a hard link)');
  // Another user's file is accepted in a directory of that user.
  const isOfOwner = stats.uid === directory.stats.uid && !isSticky(directory.stats);
  if (!isOurs(stats) && !isOfOwner) throw untrusted(path, `it belongs to another user (uid ${stats.uid})`);
}

/**
 * Throws ERR_PATH_UNTRUSTED if this process is root and others may write to the directory: they could fill, remove and
 * replace the files. In a sticky directory such as /tmp they cannot. logrotate has the same rule.
 */
export function assertNotShared(directory: OpenDirectory, path: string): void {
  const { stats } = directory;
  if (process.geteuid?.() !== 0 || !isWritableByOthers(stats) || isSticky(stats)) return;
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
  throw untrusted(path, `other users may write to its directory (mode ${mode}, group ${stats.gid})`);
}
