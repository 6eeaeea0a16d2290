/**
 * FIFOs between a command and the daemon. Our ends are open from the beginning, so that neither side waits for the other.
 * They need their names only until the daemon has opened them, and lose them then: a command that is killed leaves nothing
 * behind.
 */
import { join } from 'node:path';
import { FifoReader, FifoWriter, createFifo } from '../os/fifo.js';
import { createPrivateDirectory } from '../os/file/private-directory.js';

export interface FifoDirectory {
  /** A new FIFO that the daemon writes to. The reader is the caller's. */
  output(name: string): FifoReader;
  /** A new FIFO that the daemon reads from. The writer is the caller's; what it writes before `opened` waits. */
  input(name: string): Promise<FifoWriter>;
  /** The daemon has opened them, or never will: takes the names away. Idempotent. */
  opened(): void;
}

export function createFifoDirectory(): FifoDirectory {
  const directory = createPrivateDirectory('attach');
  const holders: FifoReader[] = [];
  const create = (name: string): string => {
    const path = join(directory.path, name);
    createFifo(path);
    return path;
  };
  return {
    output(name) {
      const path = create(name);
      // The daemon waits for a reader. Ours may have left before it comes, since nobody read what we print.
      holders.push(FifoReader.open(path));
      return FifoReader.open(path);
    },
    input(name) {
      const path = create(name);
      // What lies in a FIFO is lost when both sides are closed, and an end that was before its reader is not told to it.
      const holder = FifoReader.open(path);
      holder.hold();
      holders.push(holder);
      return FifoWriter.open(path, { timeoutMs: 1000 });
    },
    opened() {
      for (const holder of holders) holder.close();
      directory.remove();
    },
  };
}
