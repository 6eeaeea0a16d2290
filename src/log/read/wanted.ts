/** Picks the wanted entries of a log, and tells which of them begin a line. */
import type { LogStream } from '../encoder.js';
import type { ParsedEntry } from '../entry.js';
import { parseTime } from '../time.js';

/** An entry of a log that was read. */
export interface LogEntry extends ParsedEntry {
  /** Whether a line begins here; false if it continues the line of the entry before it in its stream. */
  beginsLine: boolean;
}

export interface Wanted {
  /** How many entries of each stream are left out first. */
  unwanted: Readonly<Record<LogStream, number>>;
  /** Only entries of this time or later, in nanoseconds since the epoch. */
  since: bigint | undefined;
}

/** Returns a function that takes all entries, some at a time, and returns the wanted ones. */
export function createFilter({ unwanted, since }: Wanted): (entries: readonly ParsedEntry[]) => LogEntry[] {
  const left = { ...unwanted };
  const beginsLine = { stdout: true, stderr: true };
  return (entries) => {
    const wanted: LogEntry[] = [];
    for (const entry of entries) {
      const { stream, endsLine } = entry;
      if (left[stream]-- > 0 || (since !== undefined && isBefore(since, entry))) continue;
      wanted.push({ ...entry, beginsLine: beginsLine[stream] });
      beginsLine[stream] = endsLine;
    }
    return wanted;
  };
}

/** An entry whose time cannot be parsed is wanted. */
function isBefore(since: bigint, { time }: ParsedEntry): boolean {
  const parsed = parseTime(time);
  return parsed !== undefined && parsed < since;
}
