import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Writes a file, compressed, into another, and has it on the disk when it is done. Closes both. libuv's threads do the work. */
export async function compressFile(source: FileHandle, target: FileHandle, signal: AbortSignal): Promise<void> {
  await pipeline(source.createReadStream(), createGzip(), target.createWriteStream({ flush: true }), { signal });
}
