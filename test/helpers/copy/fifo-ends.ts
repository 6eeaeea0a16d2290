/** Ends of FIFOs as os/fifo.ts opens them, closed after the test. */
import { join } from 'node:path';
import { addon } from '../../../src/native/addon.js';
import { FifoReader, FifoWriter, createFifo } from '../../../src/os/fifo.js';
import type { Scope } from '../base/leak-free.js';
import { temporaryDirectory } from '../base/temporary-directory.js';

/** Returns its path. */
export function newFifo(scope: Scope): string {
  const path = join(temporaryDirectory(scope), 'fifo');
  createFifo(path);
  return path;
}

export function openReader(scope: Scope, path: string): FifoReader {
  const reader = FifoReader.open(path);
  scope.after(() => reader.close());
  return reader;
}

export async function openWriter(scope: Scope, path: string): Promise<FifoWriter> {
  const writer = await FifoWriter.open(path, { timeoutMs: 5000 });
  scope.after(() => writer.close());
  return writer;
}

/** One read: what came, or -errno. */
export function readOnce(reader: FifoReader): string | number {
  const block = Buffer.alloc(4096);
  const got = addon.fd_read(reader.fd, block);
  return got < 0 ? got : block.toString('utf8', 0, got);
}

/** One write: how many bytes were taken, or -errno. */
export function writeOnce(writer: FifoWriter, data: string): number {
  return addon.fd_write(writer.fd, Buffer.from(data));
}
