import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Compresses a file into another by gzip, in libuv's threads. Settles when the result is on the disk. Closes both. */
export async function compressFile(source: FileHandle, target: FileHandle, signal: AbortSignal): Promise<void> {
  await pipeline(source.createReadStream(), createGzip(), target.createWriteStream({ flush: true }), { signal });
}
