/** Finds where to begin to read a log. */
import type { LogStream } from '../encoder.js';
import { parseEntry } from '../entry.js';
import type { ReadableFile } from './readable-file.js';
import { findLogFiles, openFound } from './files.js';
import { LineCutter, blockBytes } from './lines.js';
import { parseTime } from '../time.js';

export interface LogStart {
  /** The receiver closes it. */
  file: ReadableFile;
  /** The offset of the beginning of a line. */
  offset: number;
  /** How many entries of each stream, from the offset on, are of lines that are not wanted. */
  unwanted: Readonly<Record<LogStream, number>>;
}

/**
 * The newest file whose first entry is not later than `since`, or else the oldest file. Times only grow, so no earlier
 * file has a wanted entry. Undefined if there is no log.
 *
 * @param since in nanoseconds since the epoch
 */
export async function findBeginning(path: string, since: bigint | undefined): Promise<LogStart | undefined> {
  const files = findLogFiles(path);
  const [oldest] = files;
  for (const found of since === undefined ? files.slice(0, 1) : files.toReversed()) {
    const file = openFound(found);
    if (file === undefined) return findBeginning(path, since);
    if (found === oldest || (await beganBy(since as bigint, file))) {
      return { file, offset: 0, unwanted: { stdout: 0, stderr: 0 } };
    }
    file.close();
  }
  return undefined;
}

/** The time of the first entry, if the first block of the file has one. */
export async function firstTime(file: ReadableFile): Promise<bigint | undefined> {
  const block = Buffer.alloc(blockBytes);
  const bytes = await file.read(block, 0);
  for (const line of new LineCutter().cut(block.subarray(0, bytes))) {
    const entry = parseEntry(line);
    if (entry !== undefined) return parseTime(entry.time);
  }
  return undefined;
}

async function beganBy(since: bigint, file: ReadableFile): Promise<boolean> {
  const first = await firstTime(file);
  return first !== undefined && first <= since;
}
