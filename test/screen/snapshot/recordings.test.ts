/*
 * Real programs write sequences in an order that made-up streams may not have. The recordings are of editors, pagers,
 * prompts in colours, a file manager's boxes and a terminal multiplexer, with wide characters, scroll regions, changes
 * to the alternate screen and back, and changes of the size. A terminal that starts with a snapshot between any two
 * bytes must show the same as a terminal that got all bytes, in every cell and every mode, then and at the end. RUNS
 * sets the number of cuts for each recording.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Size } from '../../../src/os/console.js';
import { type EmulatedTerminal, createEmulatedTerminal, openScreen } from '../../helpers/sessions/emulated-terminal.js';
import { packageRoot } from '../../../src/package.js';

interface Recording {
  /** At the beginning. */
  size: Size;
  events: RecordedEvent[];
}

type RecordedEvent = Uint8Array | Size;

const directory = join(packageRoot, 'test/fixtures/recordings');

const recordingNames = readdirSync(directory).map((file) => basename(file, '.cast'));

function readRecording(name: string): Recording {
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

const pieces = Number(process.env['RUNS'] ?? 40);

for (const name of recordingNames) {
  test(`a snapshot at any point shows the screen: ${name}`, async () => {
    const { size, events } = readRecording(name);
    const there = await createEmulatedTerminal(size);
    const screen = await openScreen(size);
    const moments: Moment[] = [];
    for (const event of cutUp(events)) {
      play(there, event);
      play(screen, event);
      const snapshot = screen.snapshot();
      moments.push({ event, size: screen.size, shown: there.describe(), snapshot });
    }
    screen.close();
    there.close();
    for (const at of moments.keys()) await comeThen(moments.slice(at));
  });
}

interface Moment {
  /** What has just happened. */
  event: RecordedEvent;
  size: Size;
  shown: string[];
  snapshot: Uint8Array;
}

/** At the first of these moments, to stay until the last. */
async function comeThen([first, ...others]: readonly Moment[]): Promise<void> {
  const { size, snapshot, shown } = first as Moment;
  const later = await createEmulatedTerminal(size);
  try {
    later.feed(snapshot);
    assert.deepEqual(later.describe(), shown);
    for (const { event } of others) play(later, event);
    assert.deepEqual(later.describe(), others.at(-1)?.shown ?? shown);
  } finally {
    later.close();
  }
}

function play(terminal: Pick<EmulatedTerminal, 'feed' | 'resize'>, event: RecordedEvent): void {
  if ('columns' in event) terminal.resize(event);
  else terminal.feed(event);
}

/** Into pieces of about the same length, and the changes of the size between them. */
function cutUp(events: readonly RecordedEvent[]): RecordedEvent[] {
  const bytes = events.reduce((sum, event) => sum + ('columns' in event ? 0 : event.length), 0);
  const length = Math.ceil(bytes / pieces);
  return events.flatMap((event): RecordedEvent[] => {
    if ('columns' in event) return [event];
    const count = Math.ceil(event.length / length);
    return Array.from({ length: count }, (_, index) => event.subarray(index * length, (index + 1) * length));
  });
}
