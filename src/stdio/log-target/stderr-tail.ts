/** What a program says on its stderr, of which the end is kept: it is asked for when something has gone wrong. */
import { copyToLog } from '../../log/write/copy-to-log.js';
import type { OwnedFd } from '../../os/owned-fd.js';
import { createPipe } from '../../os/pipe.js';
import { discardRest } from '../copy/discard-rest.js';

export interface LastWords {
  /** For the program. To be closed when it has inherited it. */
  readonly theirs: OwnedFd;
  /** `; it said: ...`, with the last line; empty if it said nothing. */
  said(): string;
  /** The program has ended: reads what is left. What others say on its stderr is dropped. Idempotent. */
  close(): void;
}

const keptBytes = 4096;

/** As much as a line of a log can take. */
const shownLength = 500;

export function keepLastWords(program: string): LastWords {
  const { ours, theirs } = createPipe({ ours: 'reader', name: `the words of ${program}` });
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
