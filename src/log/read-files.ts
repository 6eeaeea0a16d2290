/** The files of a log: the one that is written to, and those that rotation has moved aside. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { errnoOf, fileError } from '../os/file-error.js';
import { type ReadableFile, fileId, openReadable } from './read-file.js';

export interface FoundFile {
  path: string;
  /** As in {@link ReadableFile}. */
  id: string;
  isEmpty: boolean;
}

/**
 * From the oldest to the newest: `F.2.gz`, `F.1`, `F`. Those of one moment: it looks until it sees the same twice, for
 * else a file that is being renamed could be missed. Empty if there is none.
 */
export async function findLogFiles(path: string): Promise<FoundFile[]> {
  let found = await look(path);
  for (;;) {
    const again = await look(path);
    if (isDeepStrictEqual(found, again)) return found;
    found = again;
  }
}

/** Undefined if it has another name by now. */
export async function openFound({ path, id }: FoundFile): Promise<ReadableFile | undefined> {
  const file = await openReadable(path);
  if (file === undefined || file.id === id) return file;
  await file.close();
  return undefined;
}

/** Wherever it is now. Undefined if it is gone, or gets another name just now. */
export async function openById(path: string, id: string): Promise<ReadableFile | undefined> {
  const found = (await findLogFiles(path)).find((it) => it.id === id);
  return found && openFound(found);
}

/** The file that is at the path now. */
export async function findNewest(path: string): Promise<{ id: string; size: number } | undefined> {
  const stats = await ifThere(stat(path), `look at the log ${path}`);
  return stats && { id: fileId(stats), size: stats.size };
}

async function look(path: string): Promise<FoundFile[]> {
  const directory = dirname(path);
  const names = numbered(
    (await ifThere(readdir(directory), `look at the files of the log ${path}`)) ?? [],
    basename(path),
  );
  const found: FoundFile[] = [];
  for (const [, name] of names) {
    const file = join(directory, name);
    const stats = await ifThere(stat(file), `look at the log ${file}`);
    if (stats?.isFile()) found.push({ path: file, id: fileId(stats), isEmpty: stats.size === 0 });
  }
  return found;
}

/** A file is there twice while it is compressed: then the plain one is whole. */
function numbered(names: readonly string[], base: string): [number: number, name: string][] {
  const byNumber = new Map<number, string>();
  for (const name of names) {
    if (!name.startsWith(base)) continue;
    const [matched, digits, gz] = /^(?:\.(\d{1,9})(\.gz)?)?$/.exec(name.slice(base.length)) ?? [];
    const number = Number(digits ?? 0);
    if (matched !== undefined && (gz === undefined || !byNumber.has(number))) byNumber.set(number, name);
  }
  return [...byNumber].toSorted(([a], [b]) => b - a);
}

async function ifThere<T>(asked: Promise<T>, attempted: string): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileError(error, attempted);
  }
}
