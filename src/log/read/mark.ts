/**
 * The last line that was read of a log: where it stands in its file, and its bytes, which hold its time. By it a file is
 * known again when it was compressed or copied, and one is seen to be another that was cut off and written to anew. Two files
 * could have it at the same place only if they were shorter than what was written of one line again and again in one moment.
 */
import type { ReadableFile } from './readable-file.js';
import { linesBackwards } from './lines.js';

export interface Mark {
  /** The file's. */
  id: string;
  start: number;
  /** With its end. */
  line: Buffer;
}

/** @param end where the line ends. Its bytes are copied. */
export function markOf({ id }: ReadableFile, line: Buffer, end: number): Mark {
  return { id, start: end - line.length, line: Buffer.from(line) };
}

/** The one that ends at `end`. Undefined if no line does. */
export async function markBefore(file: ReadableFile, end: number): Promise<Mark | undefined> {
  for await (const [last] of linesBackwards(file, end)) if (last !== undefined) return markOf(file, last.line, end);
  return undefined;
}

export async function isMarkIn({ start, line }: Mark, file: ReadableFile): Promise<boolean> {
  const found = Buffer.alloc(line.length);
  return (await file.read(found, start)) === line.length && found.equals(line);
}
