/** Holds back any number of shell scripts, then lets them all go in the same moment. */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { createFifo } from '../../../src/os/fifo.js';
import type { Scope } from './leak-free.js';
import { temporaryDirectory } from './temporary-directory.js';

export interface Latch {
  /** A command that ends when the latch opens. */
  readonly wait: string;
  /** Lets go those that wait, and whoever comes later until the test ends. */
  open(): void;
}

/** A script waits in open(2) of a FIFO until there is a writer, and reads its end when the writer leaves. */
export function makeLatch(scope: Scope): Latch {
  const path = join(temporaryDirectory(scope), 'latch');
  createFifo(path);
  let opening: NodeJS.Timeout | undefined;
  scope.after(() => clearInterval(opening));
  return {
    wait: `read latch <${path}`,
    open() {
      letGo(path);
      opening = setInterval(letGo, 10, path);
    },
  };
}

function letGo(path: string): void {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
  } catch {
    /* Nobody waits now. */
  }
}
