/** Writes log entries in the formats of other programs. */

export interface EntryOptions {
  stream?: 'stdout' | 'stderr';
  /** RFC 3339. */
  time?: string;
}

const someTime = '2026-01-02T03:04:05.000000006Z';

/** As Docker does; `text` has its line end, if it has one. */
export function jsonEntry(text: string, { stream = 'stdout', time = someTime }: EntryOptions = {}): string {
  return `${JSON.stringify({ log: text, stream, time })}\n`;
}

/** As containerd does. */
export function criEntry(text: string, { stream = 'stdout', time = someTime }: EntryOptions = {}): string {
  return `${time} ${stream} ${text.endsWith('\n') ? `F ${text}` : `P ${text}\n`}`;
}

/** The n-th nanosecond of a time at which a test begins. */
export function timeOfEntry(n: number): string {
  return `2026-01-02T03:04:05.${`${n}`.padStart(9, '0')}Z`;
}
