/** A log whose writer was killed may end in the middle of an entry. */
import type { FileHandle } from 'node:fs/promises';
import type { LogFormat } from '../../native/addon.js';

/**
 * Makes the file end with a whole line, so that what is appended begins one. The beginning of an entry of json-file is
 * of no use, and is cut off. Of anything else the end of its line was lost, and is written.
 *
 * @param file open for reading and appending
 * @returns the size of the file
 */
export async function mendTail(file: FileHandle, format: LogFormat): Promise<number> {
  const { size } = await file.stat();
  const tail = await readTail(file, size);
  const lineStart = tail.lastIndexOf(0x0a) + 1;
  const rest = tail.subarray(lineStart);
  if (rest.length === 0) return size;
  if (format === 'json-file' && isEntryStart(rest)) {
    await file.truncate(size - rest.length);
    return size - rest.length;
  }
  await file.write('\n');
  return size + 1;
}

/** More than the longest entry has. */
const longestEntry = 128 * 1024;

async function readTail(file: FileHandle, size: number): Promise<Buffer> {
  const tail = Buffer.alloc(Math.min(size, longestEntry));
  const { bytesRead } = await file.read(tail, 0, tail.length, size - tail.length);
  return tail.subarray(0, bytesRead);
}

/** As Docker and we begin one. */
const head = Buffer.from('{"log":"');

/** A file of another kind may be at the path by mistake: nothing of that is cut off. */
function isEntryStart(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, head.length);
  return bytes.subarray(0, length).equals(head.subarray(0, length));
}
