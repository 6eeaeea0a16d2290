/**
 * Temporary files, which are renamed when they are complete: `F.termshim-new`, `F.termshim-gz`. A file that has such a
 * name already is removed and never opened. If it cannot be removed, because it is a directory, the temporary file gets
 * a longer name.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, unlink } from 'node:fs/promises';
import type { OpenDirectory } from '../os/file/open-directory.js';
import { createFile } from '../os/file/open-file.js';
import { logMode } from './log-mode.js';

export interface Temporary {
  file: FileHandle;
  path: string;
}

type Purpose = 'new' | 'gz' | 'old';

/** @param log the name of the log in the directory */
export async function createTemporary(
  directory: OpenDirectory,
  log: string,
  purpose: Purpose,
  access: number,
): Promise<Temporary> {
  const create = async (path: string): Promise<Temporary> => ({ file: await createFile(path, access, logMode), path });
  const path = directory.at(`${log}.termshim-${purpose}`);
  try {
    await unlink(path).catch(() => {});
    return await create(path);
  } catch {
    return await create(directory.at(temporaryName(log, purpose)));
  }
}

/** A random name, so no file has it. */
export function temporaryName(log: string, purpose: Purpose): string {
  return `${log}.termshim-${purpose}-${randomBytes(8).toString('hex')}`;
}

/** Whether the file may be left from a writer of the log that was killed. */
export function isTemporary(log: string, name: string): boolean {
  return name.startsWith(`${log}.termshim-`) && /^(new|gz)(-[0-9a-f]{16})?$/.test(name.slice(log.length + 10));
}
