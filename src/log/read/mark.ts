/**
 * The last line that was read of a log: its offset in its file, and its bytes, which include its time. With it, a
 * reader recognizes a file that was compressed or copied, and a file that was truncated and written again. Two files
 * can have the same line at the same offset only if one line, repeated with the same time, fills more than a file.
 */
import type { ReadableFile } from './readable-file.js';
import { linesBackwards } from './lines.js';

export interface Mark {
  /** The id of the file. */
  id: string;
  start: number;
  /** With its newline. */
  line: Buffer;
}

/**
 * Copies the line.
 *
 * @param end the offset of the line's end
 */
export function markOf({ id }: ReadableFile, line: Buffer, end: number): Mark {
  return { id, start: end - line.length, line: Buffer.from(line) };
}

/** The mark of the last line before `end`; undefined if there is none. Bytes after its newline are no line. */
export async function markBefore(file: ReadableFile, end: number): Promise<Mark | undefined> {
  for await (const [last] of linesBackwards(file, end))
    if (last !== undefined) return markOf(file, last.line, last.end);
  return undefined;
}

export async function isMarkIn({ start, line }: Mark, file: ReadableFile): Promise<boolean> {
  const found = Buffer.alloc(line.length);
  return (await file.read(found, start)) === line.length && found.equals(line);
}
