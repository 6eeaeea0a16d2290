/** Where a log begins, or the part of it that is wanted. */
import type { LogStream } from '../encoder.js';
import { parseEntry } from '../entry.js';
import type { ReadableFile } from './readable-file.js';
import { findLogFiles, openFound } from './files.js';
import { LineCutter, blockBytes } from './lines.js';
import { parseTime } from '../time.js';

export interface LogStart {
  /** Whoever gets it closes it. */
  file: ReadableFile;
  /** Where a line of the file begins. */
  offset: number;
  /** So many entries of each stream from there on are of lines that are not wanted. */
  unwanted: Readonly<Record<LogStream, number>>;
}

/**
 * The oldest file, or the newest of those whose first entry is not later than `since`: all that is wanted comes after it,
 * as times only grow. Undefined if there is no log.
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

/** Of the first entry, if there is one near the beginning. */
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
