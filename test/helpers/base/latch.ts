/** Holds back any number of shell scripts, and then releases all of them at the same time. */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { createFifo } from '../../../src/os/fifo.js';
import type { Scope } from './leak-free.js';
import { temporaryDirectory } from './temporary-directory.js';

export interface Latch {
  /** A command that ends when the latch opens. */
  readonly wait: string;
  /** Releases all waiting commands, and later ones until the test ends. */
  open(): void;
}

/** A command waits in open(2) of a FIFO until there is a writer, and reads the end when the writer closes it. */
export function makeLatch(scope: Scope): Latch {
  const path = join(temporaryDirectory(scope), 'latch');
  createFifo(path);
  let opening: NodeJS.Timeout | undefined;
  scope.after(() => clearInterval(opening));
  return {
    wait: `read latch <${path}`,
    open() {
      release(path);
      opening = setInterval(release, 10, path);
    },
  };
}

function release(path: string): void {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
  } catch {
    /* There is no waiting command. */
  }
}
