/** Holds back any number of shell scripts, then lets them all go in the same moment. */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { createFifo } from '../../../src/os/fifo.js';
import type { Scope } from './leak-free.js';
import { temporaryDirectory } from './temporary-directory.js';

export interface Gate {
  /** A command that ends when the gate opens. */
  readonly wait: string;
  /** Lets go those that wait, and whoever comes later until the test ends. */
  open(): void;
}

/** A script waits in open(2) of a FIFO until there is a writer, and reads its end when the writer leaves. */
export function makeGate(scope: Scope): Gate {
  const path = join(temporaryDirectory(scope), 'gate');
  createFifo(path);
  let opening: NodeJS.Timeout | undefined;
  scope.after(() => clearInterval(opening));
  return {
    wait: `read gate <${path}`,
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
