/** What follows a file of a log, whatever both are called by now. */
import { firstTime } from './read-beginning.js';
import type { ReadableFile } from './read-file.js';
import { type FoundFile, findLogFiles, openFound } from './read-files.js';
import { type Mark, isMarkIn } from './read-mark.js';

/** How far a log was read. */
export interface ReadSoFar {
  /** The file that is read. */
  id: string;
  /** The last line that was read. */
  mark: Mark | undefined;
  /** Of the last entry that was read. */
  lastTime: bigint | undefined;
}

/**
 * The files that are newer than the one that is read, from the oldest on. That one may have been compressed: then the
 * mark is in one of the others. Or removed, or moved elsewhere: then time tells.
 */
export async function findNewer(path: string, sofar: ReadSoFar): Promise<FoundFile[]> {
  const files = await findLogFiles(path);
  const here = files.findIndex(({ id }) => id === sofar.id);
  if (here >= 0) return files.slice(here + 1);
  for (let index = files.length; index > 0; index--) {
    await using file = await openFound(files[index - 1] as FoundFile);
    if (file === undefined) return findNewer(path, sofar);
    if (await isOlder(file, sofar)) return files.slice(index);
  }
  return files;
}

/** A copy of what was read of a file that was cut off since, if somebody has made one. The caller closes it. */
export async function openCopy(path: string, { id, mark }: ReadSoFar): Promise<ReadableFile | undefined> {
  if (mark === undefined) return undefined;
  const others = (await findLogFiles(path)).filter((found) => found.id !== id);
  for (const found of others.toReversed()) {
    const file = await openFound(found);
    if (file === undefined) return openCopy(path, { id, mark, lastTime: undefined });
    if (await isMarkIn(mark, file)) return file;
    await file.close();
  }
  return undefined;
}

/** Or the same. */
async function isOlder(file: ReadableFile, { mark, lastTime }: ReadSoFar): Promise<boolean> {
  if (mark !== undefined && (await isMarkIn(mark, file))) return true;
  const first = await firstTime(file);
  return lastTime !== undefined && first !== undefined && first < lastTime;
}
