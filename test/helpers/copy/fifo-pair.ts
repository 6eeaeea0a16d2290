/** A FIFO with both ends open in this process, non-blocking. */
import { constants } from 'node:fs';
import { join } from 'node:path';
import { createFifo } from '../../../src/os/fifo.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import type { Scope } from '../base/leak-free.js';
import { temporaryDirectory } from '../base/temporary-directory.js';

export interface FifoPair {
  readonly path: string;
  readonly reader: OwnedFd;
  readonly writer: OwnedFd;
}

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;

/** What the test did not close is closed after it. */
export function fifoPair(scope: Scope): FifoPair {
  const path = join(temporaryDirectory(scope), 'fifo');
  createFifo(path);
  const reader = OwnedFd.open(path, O_RDONLY | O_NONBLOCK, 'the reader of a test');
  const writer = OwnedFd.open(path, O_WRONLY | O_NONBLOCK, 'the writer of a test');
  scope.after(() => {
    reader.close();
    writer.close();
  });
  return { path, reader, writer };
}
