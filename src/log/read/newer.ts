/** What follows a file of a log, whatever both are called by now. */
import { firstTime } from './beginning.js';
import { parseEntry } from '../entry.js';
import type { ReadableFile } from './readable-file.js';
import { type FoundFile, findLogFiles, openFound } from './files.js';
import { type Mark, isMarkIn } from './mark.js';
import { parseTime } from '../time.js';

/** How far a log is known. */
export interface Reached {
  /** The file. */
  id: string;
  /** The last line that is known, for when the file is not found. */
  mark: () => Promise<Mark | undefined>;
}

export interface Newer {
  /** From the oldest on. */
  files: FoundFile[];
  /** All there is began later than what is known ended: what was between may have been removed. */
  isGap: boolean;
}

/**
 * The file that is known may have been compressed: then the mark is in one of the others. Or removed, or moved elsewhere:
 * then time tells which are newer.
 */
export async function findNewer(path: string, reached: Reached): Promise<Newer> {
  const files = findLogFiles(path);
  const here = files.findIndex(({ id }) => id === reached.id);
  if (here >= 0) return { files: files.slice(here + 1), isGap: false };
  const mark = await reached.mark();
  if (mark === undefined) return { files, isGap: false };
  for (let index = files.length; index > 0; index--) {
    using file = openFound(files[index - 1] as FoundFile);
    if (file === undefined) return findNewer(path, reached);
    if (await isUpTo(mark, file)) return { files: files.slice(index), isGap: false };
  }
  // One alone has taken the place of a file that somebody has moved or removed.
  return { files, isGap: files.length > 1 };
}

/** A copy of what was read of a file that was cut off since, if somebody has made one. The caller closes it. */
export async function openCopy(path: string, mark: Mark): Promise<ReadableFile | undefined> {
  const others = findLogFiles(path).filter(({ id }) => id !== mark.id);
  for (const found of others.toReversed()) {
    const file = openFound(found);
    if (file === undefined) return openCopy(path, mark);
    if (await isMarkIn(mark, file)) return file;
    file.close();
  }
  return undefined;
}

/** Whether the file is the one with the mark, or older. */
async function isUpTo(mark: Mark, file: ReadableFile): Promise<boolean> {
  if (await isMarkIn(mark, file)) return true;
  const entry = parseEntry(mark.line);
  const [last, first] = [entry && parseTime(entry.time), await firstTime(file)];
  return last !== undefined && first !== undefined && first < last;
}
