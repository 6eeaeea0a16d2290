/**
 * FIFOs between a command and the daemon. They need their names only until both sides have opened them, and lose them
 * then: a command that is killed leaves nothing behind.
 */
import { join } from 'node:path';
import { FifoReader, FifoWriter, createFifo } from '../os/fifo-stream.js';
import { createPrivateDirectory } from '../os/private-directory.js';

export interface FifoPlace {
  /** A new FIFO that the daemon writes to; our end is open already, so that the daemon need not wait. */
  output(name: string): { path: string; reader: FifoReader };
  /** A new FIFO that the daemon reads from, and has opened by the time that `open` is called. */
  input(name: string): { path: string; open(): Promise<FifoWriter> };
  /** Takes the names away. Idempotent. */
  remove(): void;
}

export function createFifoPlace(): FifoPlace {
  const directory = createPrivateDirectory('attach');
  const create = (name: string): string => {
    const path = join(directory.path, name);
    createFifo(path);
    return path;
  };
  return {
    output(name) {
      const path = create(name);
      return { path, reader: FifoReader.open(path) };
    },
    input(name) {
      const path = create(name);
      return { path, open: () => FifoWriter.open(path, { timeoutMs: 5000 }) };
    },
    remove: () => directory.remove(),
  };
}
