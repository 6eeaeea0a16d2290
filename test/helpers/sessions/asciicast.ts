/** Reads a recording as a player does, and fails if a player would fail. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

export interface Asciicast {
  header: { width: number; height: number; timestamp: number; title: string; command: string; env: object };
  events: AsciicastEvent[];
  /** All data of a kind, joined: `o` is what was written to the terminal. */
  all(kind: string): string;
}

export interface AsciicastEvent {
  /** Seconds since the beginning. */
  time: number;
  kind: string;
  data: string;
}

export function readAsciicast(path: string): Asciicast {
  return parseAsciicast(readFileSync(path, 'utf8'));
}

/** Reads a recording while it is written: leaves out a last line that is not whole. Undefined if there is no whole line. */
export function readGrowingAsciicast(path: string): Asciicast | undefined {
  const text = readFileSync(path, 'utf8');
  const end = text.lastIndexOf('\n') + 1;
  return end === 0 ? undefined : parseAsciicast(text.slice(0, end));
}

/** Every line is whole, times never go back, and sizes are such. */
export function parseAsciicast(text: string): Asciicast {
  assert.ok(text.endsWith('\n'), `the last line is not whole: ${JSON.stringify(text.slice(-100))}`);
  const [first = '', ...lines] = text.slice(0, -1).split('\n');
  const header = JSON.parse(first) as Asciicast['header'] & { version: number };
  assert.equal(header.version, 2);
  for (const field of [header.width, header.height, header.timestamp]) assert.ok(Number.isInteger(field), first);
  let last = 0;
  const events = lines.map((line) => {
    const [time, kind, data, ...more] = JSON.parse(line) as [number, string, string];
    assert.ok(typeof time === 'number' && time >= last, `${line} is before ${last}`);
    assert.match(kind, /^[oir]$/);
    assert.ok(typeof data === 'string' && data !== '' && more.length === 0, line);
    if (kind === 'r') assert.match(data, /^\d+x\d+$/);
    last = time;
    return { time, kind, data };
  });
  const all: Asciicast['all'] = (wanted) =>
    events
      .filter(({ kind }) => kind === wanted)
      .map(({ data }) => data)
      .join('');
  return { header, events, all };
}
