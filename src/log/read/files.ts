/** Finds the files of a log: the one that is written to, and those that were rotated. */
import { type Stats, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type ReadableFile, fileId, openReadable } from './readable-file.js';
import { fileError, ifPresent } from '../../errors/file-error.js';
import { numberedNames } from '../file-names.js';

export interface FoundFile {
  path: string;
  /** As in {@link ReadableFile}. */
  id: string;
  isEmpty: boolean;
}

/**
 * The files from the oldest to the newest: `F.2.gz`, `F.1`, `F`. Empty if there is none. Looks until it sees the same
 * twice, because it could miss a file that is being renamed. Looks synchronously, because a writer may rename all files
 * a hundred times in a second.
 */
export function findLogFiles(path: string): FoundFile[] {
  let found = look(path);
  for (;;) {
    const again = look(path);
    if (isDeepStrictEqual(found, again)) return found;
    found = again;
  }
}

/** Opens a file that was found. Undefined if it has another name meanwhile. */
export function openFound({ path, id }: FoundFile): ReadableFile | undefined {
  const file = openReadable(path);
  if (file === undefined || file.id === id) return file;
  file.close();
  return undefined;
}

/** Opens a file by its id, whatever its name. Undefined if it is gone, or is being renamed. */
export function openById(path: string, id: string): ReadableFile | undefined {
  const found = findLogFiles(path).find((it) => it.id === id);
  return found && openFound(found);
}

/** The file that is at the path now. */
export function findNewest(path: string): { id: string; size: number } | undefined {
  const stats = statsOf(path);
  return stats && { id: fileId(stats), size: stats.size };
}

function look(path: string): FoundFile[] {
  const directory = dirname(path);
  return namesOf(basename(path), namesIn(directory)).flatMap((name) => {
    const file = join(directory, name);
    const stats = statsOf(file);
    return stats?.isFile() ? [{ path: file, id: fileId(stats), isEmpty: stats.size === 0 }] : [];
  });
}

/** From the oldest to the newest. While a file is compressed, it may be there twice. Then the plain one is complete. */
function namesOf(log: string, names: readonly string[]): string[] {
  const byNumber = new Map(names.includes(log) ? [[0, log]] : []);
  for (const { name, number, suffix } of numberedNames(log, names)) {
    if (suffix === '' || !byNumber.has(number)) byNumber.set(number, name);
  }
  return [...byNumber].toSorted(([a], [b]) => b - a).map(([, name]) => name);
}

function namesIn(directory: string): string[] {
  return ifPresent(`list the files of a log in ${directory}`, () => readdirSync(directory)) ?? [];
}

function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw fileError(error, `access the log ${path}`);
  }
}
