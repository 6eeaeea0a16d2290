/** A file of a log, open for reading, compressed or not. */
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip } from 'node:zlib';
import { errnoOf, fileError } from '../os/file-error.js';

export interface ReadableFile extends AsyncDisposable {
  /** Device and inode of what lies on the disk: a rename does not change it, and no other file gets it while this is open. */
  readonly id: string;
  /** Bytes of the log that are in it, uncompressed. */
  size(): Promise<number>;
  /** Fills `into` from `position` on, as far as there is something. Returns how many bytes. */
  read(into: Buffer, position: number): Promise<number>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Undefined if there is none, or none any more. One whose name ends with `.gz` is uncompressed at once. */
export async function openReadable(path: string): Promise<ReadableFile | undefined> {
  const attempted = `read the log ${path}`;
  const stored = await open(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileError(error, attempted);
  });
  if (stored === undefined) return undefined;
  const handles = [stored];
  const close = async (): Promise<void> => {
    await Promise.all(handles.splice(0).map((handle) => handle.close()));
  };
  try {
    const { dev, ino } = await stored.stat();
    const plain = path.endsWith('.gz') ? await inflate(stored) : stored;
    if (plain !== stored) handles.push(plain);
    return {
      id: fileId({ dev, ino }),
      size: async () => (await plain.stat()).size,
      read: (into, position) => readFully(plain, into, position, attempted),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw fileError(error, attempted);
  }
}

export function fileId({ dev, ino }: { dev: number; ino: number }): string {
  return `${dev}:${ino}`;
}

/**
 * Into a file without a name, because a log is read backwards too, and may be larger than the memory. What was cut off
 * or is broken is read as far as it goes: the rest of it is nowhere.
 */
async function inflate(stored: FileHandle): Promise<FileHandle> {
  const plain = await openNameless();
  try {
    const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
    const compressed = stored.createReadStream({ start: 0, autoClose: false });
    // Not a stream: while one for writing is there, the file cannot be closed.
    await pipeline(compressed, gunzip, async (blocks: AsyncIterable<Buffer>) => {
      for await (const block of blocks) await plain.writeFile(block);
    });
    return plain;
  } catch (error) {
    if (isBroken(error)) return plain;
    await plain.close();
    throw error;
  }
}

/** The directory is gone at once, so that a kill leaves nothing. */
async function openNameless(): Promise<FileHandle> {
  const directory = await mkdtemp(join(tmpdir(), 'termshim-log-'));
  try {
    return await open(join(directory, 'log'), 'wx+', 0o600);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** zlib's own errors have the names of zlib.h. */
function isBroken(error: unknown): boolean {
  return String((error as NodeJS.ErrnoException).code).startsWith('Z_');
}

/** A read may answer less than there is. */
async function readFully(file: FileHandle, into: Buffer, position: number, attempted: string): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const { bytesRead } = await file
      .read(into, filled, into.length - filled, position + filled)
      .catch((error: unknown) => {
        throw fileError(error, attempted);
      });
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}
