import { createWriteStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { logMode } from './append-file.js';

/** Writes the file, compressed, to a path, and has it on the disk when it is done. Closes it. libuv's threads do the work. */
export async function compressFile(source: FileHandle, into: string, signal: AbortSignal): Promise<void> {
  const target = createWriteStream(into, { mode: logMode, flush: true });
  await pipeline(source.createReadStream(), createGzip(), target, { signal });
}
