/** A file of a log, open for reading, compressed or not. */
import { constants, fstatSync, mkdtempSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { constants as os, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants as zlib, createGunzip } from 'node:zlib';
import { fileError } from '../../errors/file-error.js';
import { OwnedFd } from '../../os/owned-fd.js';

/**
 * Reads are synchronous: a reader has nothing else to do, and the writer may be fast. Only `.gz` files are waited for.
 */
export interface ReadableFile extends Disposable {
  /** Device and inode on the disk: a rename does not change them, and no other file gets them while this is open. */
  readonly id: string;
  readonly isEmpty: boolean;
  /** The number of bytes of the log in the file, uncompressed. */
  size(): Promise<number>;
  /** Fills `into` from `position` on, or up to the end of the file. Returns how many bytes. */
  read(into: Buffer, position: number): Promise<number>;
  /** Idempotent. */
  close(): void;
}

/**
 * Opens a file; undefined if there is none. If its name ends with `.gz`, the first use of its content decompresses it.
 */
export function openReadable(path: string): ReadableFile | undefined {
  const stored = OwnedFd.tryOpen(path, constants.O_RDONLY, `the log ${path}`, os.errno.ENOENT);
  if (stored === undefined) return undefined;
  const isCompressed = path.endsWith('.gz');
  let inflated: OwnedFd | undefined;
  const plain = async (): Promise<OwnedFd> => (isCompressed ? (inflated ??= await inflate(stored)) : stored);
  const close = (): void => {
    inflated?.close();
    stored.close();
  };
  return {
    id: fileId(fstatSync(stored.fd)),
    get isEmpty() {
      return fstatSync(stored.fd).size === 0;
    },
    size: async () => fstatSync((await plain()).fd).size,
    read: async (into, position) => readFully(await plain(), into, position),
    close,
    [Symbol.dispose]: close,
  };
}

export function fileId({ dev, ino }: { dev: number; ino: number }): string {
  return `${dev}:${ino}`;
}

/**
 * Decompresses into a file without a name, because a log is read backwards too, and may be larger than the memory. If
 * the compressed file is truncated or broken, it is read as far as it goes.
 */
async function inflate(stored: OwnedFd): Promise<OwnedFd> {
  const plain = openNameless();
  try {
    const gunzip = createGunzip({ finishFlush: zlib.Z_SYNC_FLUSH });
    await pipeline(blocksOf(stored), gunzip, async (blocks: AsyncIterable<Buffer>) => {
      for await (const block of blocks) writeFileSync(plain.fd, block);
    });
    return plain;
  } catch (error) {
    if (isBroken(error)) return plain;
    plain.close();
    throw fileError(error, `uncompress ${stored.name} into ${tmpdir()}`);
  }
}

/** Not a ReadStream: on an error that closes the descriptor, whatever its `autoClose` says. */
function* blocksOf(file: OwnedFd): Generator<Buffer> {
  for (let position = 0; ; ) {
    const block = Buffer.allocUnsafe(inflateBytes);
    const bytes = readSome(file, block, position);
    if (bytes === 0) return;
    yield block.subarray(0, bytes);
    position += bytes;
  }
}

const inflateBytes = 64 * 1024;

/** The directory is removed at once, so that a kill leaves nothing. */
function openNameless(): OwnedFd {
  const directory = mkdtempSync(join(tmpdir(), 'termshim-log-'));
  try {
    const { O_RDWR, O_CREAT, O_EXCL } = constants;
    return OwnedFd.open(join(directory, 'log'), O_RDWR | O_CREAT | O_EXCL, 'a file for an uncompressed log');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** zlib's own errors have the codes of zlib.h, such as Z_DATA_ERROR. */
function isBroken(error: unknown): boolean {
  return String((error as NodeJS.ErrnoException).code).startsWith('Z_');
}

/** A read may return fewer bytes than there are. */
function readFully(file: OwnedFd, into: Buffer, position: number): number {
  let filled = 0;
  while (filled < into.length) {
    const bytes = readSome(file, into.subarray(filled), position + filled);
    if (bytes === 0) break;
    filled += bytes;
  }
  return filled;
}

function readSome(file: OwnedFd, into: Buffer, position: number): number {
  try {
    return readSync(file.fd, into, 0, into.length, position);
  } catch (error) {
    throw fileError(error, `read ${file.name}`);
  }
}
