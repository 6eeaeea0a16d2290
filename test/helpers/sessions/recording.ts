/** What programs wrote to a terminal, and when that got another size, in the format of asciinema (asciicast v2). */
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Size } from '../../../src/os/console.js';
import { packageRoot } from '../../../src/package-root.js';

export interface Recording {
  /** At the beginning. */
  size: Size;
  events: RecordedEvent[];
}

export type RecordedEvent = Uint8Array | Size;

const directory = join(packageRoot, 'test/fixtures/recordings');

export const recordingNames = readdirSync(directory).map((file) => basename(file, '.cast'));

export function readRecording(name: string): Recording {
  const lines = readFileSync(join(directory, `${name}.cast`), 'utf8')
    .trim()
    .split('\n');
  const [header, ...events] = lines.map((line) => JSON.parse(line) as unknown) as [Header, ...Event[]];
  return {
    size: { columns: header.width, rows: header.height },
    events: events.map(([, kind, data]) => (kind === 'o' ? Buffer.from(data) : readSize(data))),
  };
}

interface Header {
  width: number;
  height: number;
}

/** `o` is output, `r` a new size. */
type Event = [time: number, kind: 'o' | 'r', data: string];

function readSize(text: string): Size {
  const [columns = 0, rows = 0] = text.split('x').map(Number);
  return { columns, rows };
}
