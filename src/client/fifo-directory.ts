/**
 * FIFOs between a command and the daemon. The command opens its ends at once, so that neither side waits for the other.
 * The names of the FIFOs are removed as soon as the daemon has opened them, so a command that is killed leaves no
 * files.
 */
import { join } from 'node:path';
import { FifoReader, FifoWriter, createFifo } from '../os/fifo.js';
import { createPrivateDirectory } from '../os/file/private-directory.js';

export interface FifoDirectory {
  /** A new FIFO that the daemon writes to. The reader is the caller's. */
  output(name: string): FifoReader;
  /**
   * A new FIFO that the daemon reads from. The writer is the caller's; bytes that it writes before `opened` are kept.
   */
  input(name: string): Promise<FifoWriter>;
  /** Call it when the daemon has opened the FIFOs, or never will: removes the names. Idempotent. */
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
      // The daemon waits for a reader. The caller may close its own before that, if its stdout has no reader.
      holders.push(FifoReader.open(path));
      return FifoReader.open(path);
    },
    input(name) {
      const path = create(name);
      // If both sides are closed, the bytes in a FIFO are lost. A reader that opens a FIFO after its writer has closed
      // it does not see the end.
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
