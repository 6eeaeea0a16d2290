/** The recent output of a terminal, from the start of a piece. */
import type { TerminalSession } from '../../task/io/process-io.js';
import { safeTail } from './replay.js';

/** How many bytes before the tail are searched to find where it can begin. */
const contextBytes = 4096;

/** At most `maxBytes` of the output, up to its last byte. */
export function tailOf({ broadcast, stdoutBytes }: TerminalSession, maxBytes: number): Uint8Array {
  const recent = broadcast.recent(maxBytes + contextBytes);
  return safeTail(recent, { maxBytes, isWhole: recent.length === stdoutBytes });
}
