/** Repairs a log that ends in the middle of an entry because its writer was killed. */
import type { FileHandle } from 'node:fs/promises';
import type { LogFormat } from '../../native/addon.js';

/**
 * Makes the file end with a whole line, so that the next entry begins one. A part of a json-file entry is of no use,
 * and is cut off. Any other unfinished line gets a newline.
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

/** More bytes than the longest entry has. */
const longestEntry = 128 * 1024;

async function readTail(file: FileHandle, size: number): Promise<Buffer> {
  const tail = Buffer.alloc(Math.min(size, longestEntry));
  const { bytesRead } = await file.read(tail, 0, tail.length, size - tail.length);
  return tail.subarray(0, bytesRead);
}

/** How Docker and termshim begin an entry. */
const head = Buffer.from('{"log":"');

/** The path may name another kind of file by mistake. Of such a file nothing is cut off. */
function isEntryStart(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, head.length);
  return bytes.subarray(0, length).equals(head.subarray(0, length));
}
