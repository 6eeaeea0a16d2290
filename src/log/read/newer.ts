/** Finds the files that follow a file of a log, whatever their names are meanwhile. */
import { firstTime } from './beginning.js';
import { parseEntry } from '../entry.js';
import type { ReadableFile } from './readable-file.js';
import { type FoundFile, findLogFiles, openFound } from './files.js';
import { type Mark, isMarkIn } from './mark.js';
import { parseTime } from '../time.js';

/** How far the reader of a log has got. */
export interface Reached {
  /** The id of the last file that the reader has. */
  id: string;
  /** The last line in the reader's files, for the case that the file is not found. */
  mark: () => Promise<Mark | undefined>;
}

export interface Newer {
  /** The oldest first. */
  files: FoundFile[];
  /** All files begin later than the last known line: files between may have been removed. */
  isGap: boolean;
}

/**
 * If the last file was compressed, the mark is in another one. If it was removed or moved, times tell which files are
 * newer.
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
  // A single file has replaced one that was moved or removed, which is no gap.
  return { files, isGap: files.length > 1 };
}

/** Opens a copy, if there is one, of a file that was truncated after it was read. The caller closes it. */
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

/** Whether the file has the mark, or is older. */
async function isUpTo(mark: Mark, file: ReadableFile): Promise<boolean> {
  if (await isMarkIn(mark, file)) return true;
  const entry = parseEntry(mark.line);
  const [last, first] = [entry && parseTime(entry.time), await firstTime(file)];
  return last !== undefined && first !== undefined && first < last;
}
