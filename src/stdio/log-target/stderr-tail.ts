/** Keeps the end of a program's stderr, for error messages. */
import { copyToLog } from '../../log/write/copy-to-log.js';
import type { OwnedFd } from '../../os/owned-fd.js';
import { createPipe } from '../../os/pipe.js';
import { discardRest } from '../copy/discard-rest.js';

export interface LastWords {
  /** The end for the program. Close it when the program has inherited it. */
  readonly theirs: OwnedFd;
  /** Returns `; it said: ...` with the last line; empty if the program wrote nothing. */
  said(): string;
  /** Call it when the program has ended: reads the rest. Later output of other processes is dropped. Idempotent. */
  close(): void;
}

const keptBytes = 4096;

/** The most characters that a message shows. */
const shownLength = 500;

export function keepLastWords(program: string): LastWords {
  const { ours, theirs } = createPipe({ ours: 'reader', name: `the stderr of ${program}` });
  let tail = Buffer.alloc(0);
  const log = {
    write(_stream: string, bytes: Uint8Array): boolean {
      tail = Buffer.concat([tail, bytes]).subarray(-keptBytes);
      return true;
    },
    end() {},
  };
  let hasEnded = false;
  const copy = copyToLog({ source: ours.fd, stream: 'stderr', log });
  return {
    theirs,
    said() {
      const line = tail.toString().trim().split('\n').at(-1)?.trim() ?? '';
      return line === '' ? '' : `; it said: ${line.slice(0, shownLength)}`;
    },
    close() {
      theirs.close();
      if (hasEnded) return;
      hasEnded = true;
      copy.drain();
      copy.close();
      discardRest(ours);
    },
  };
}
