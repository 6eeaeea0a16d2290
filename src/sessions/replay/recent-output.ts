/** The recent output of a terminal, as far as it can be understood. */
import type { TerminalSession } from '../../task/io/process-io.js';
import { safeTail } from './replay.js';

/** What comes before helps to find where it can begin. */
const contextBytes = 4096;

/** At most `maxBytes`, up to the last byte that was written. */
export function tailOf({ broadcast, stdoutBytes }: TerminalSession, maxBytes: number): Uint8Array {
  const recent = broadcast.recent(maxBytes + contextBytes);
  return safeTail(recent, { maxBytes, isWhole: recent.length === stdoutBytes });
}
