/**
 * Replaces a file, whole or not at all: writes a temporary file beside it, and renames that. The old file is never
 * opened, so a link cannot redirect the write.
 */
import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { lstat, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import { openDirectoryOf, untrusted } from './open-directory.js';
import { fileError, undefinedIfAbsent } from '../../errors/file-error.js';

/** Writes a file of mode 0600, in a directory that only this user may write to. Throws ERR_SYSTEM. */
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
 * Writes a pid file of mode 0644 at a path that a caller chose. Rejects with ERR_PATH_UNTRUSTED, also if the path
 * exists and is not a regular file, and with ERR_SYSTEM.
 */
export async function writePidFile(path: string, content: string): Promise<void> {
  try {
    await using directory = await openDirectoryOf(path);
    const [name, draft] = [directory.at(basename(path)), directory.at(draftOf(path))];
    // The rename would replace a device, or a link such as /dev/stdout.
    if (await isNoFile(name)) throw untrusted(path, 'the existing file is not a regular file');
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
  const stats = await lstat(path).catch(undefinedIfAbsent);
  return stats?.isFile() === false;
}

function draftOf(path: string): string {
  return `.${basename(path)}.${randomBytes(8).toString('hex')}`;
}
