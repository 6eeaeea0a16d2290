/**
 * Puts a file in the place of another, whole or not at all. What has the name is replaced and never opened, so that no link
 * leads what is written elsewhere.
 */
import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { lstat, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import { errnoOf, fileError } from '../../errors/file-error.js';
import { openDirectoryOf, untrusted } from './trusted-directory.js';

/** In a directory of our own, for this user alone. Throws ERR_SYSTEM. */
export function replaceFile(path: string, content: string): void {
  const draft = join(dirname(path), draftOf(path));
  try {
    writeFileSync(draft, content, { mode: 0o600, flag: 'wx' });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw fileError(error, `write ${path}`);
  }
}

/**
 * A pid file where a caller wants it. Rejects with ERR_PATH_UNTRUSTED, also where something is that is no file, and with
 * ERR_SYSTEM.
 */
export async function writePidFile(path: string, content: string): Promise<void> {
  try {
    await using directory = await openDirectoryOf(path);
    const [name, draft] = [directory.at(basename(path)), directory.at(draftOf(path))];
    // A device, or a link as /dev/stdout is one, would be lost.
    if (await isNoFile(name)) throw untrusted(path, 'what is there is no regular file');
    try {
      await writeFile(draft, content, { mode: 0o644, flag: 'wx' });
      await rename(draft, name);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  } catch (error) {
    throw error instanceof TermshimError ? error : fileError(error, `write ${path}`);
  }
}

async function isNoFile(path: string): Promise<boolean> {
  try {
    return !(await lstat(path)).isFile();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function draftOf(path: string): string {
  return `.${basename(path)}.${randomBytes(8).toString('hex')}`;
}
