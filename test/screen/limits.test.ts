/*
 * A program can request a lot from the emulator with a few bytes, so the emulator has bounds. What could break: a bound
 * changes the screen of an ordinary program, or a sequence passes a bound because it is written in another form or cut
 * somewhere. The test compares a terminal with bounds with plain xterm.js, for made-up streams that are cut anywhere,
 * and writes the sequences that take xterm.js hours or gigabytes in every form, each with a time limit.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { maxStringLength } from '../../src/screen/limits.js';
import {
  createEmulatedTerminal,
  createUnbounded,
  type EmulatedTerminal,
  openScreen,
} from '../helpers/sessions/emulated-terminal.js';
import { linkStream, terminalStream } from '../helpers/sessions/terminal-stream.js';

const size = { columns: 20, rows: 6 };
const numRuns = Number(process.env['RUNS'] ?? 100);

async function compare(bytes: Uint8Array, cuts: readonly number[]): Promise<void> {
  const [bounded, unbounded] = await Promise.all([createEmulatedTerminal(size), createUnbounded(size)]);
  try {
    unbounded.feed(bytes);
    feedInPieces(bounded, bytes, cuts);
    assert.deepEqual(bounded.describe(), unbounded.describe());
  } finally {
    bounded.close();
    unbounded.close();
  }
}

function feedInPieces(terminal: EmulatedTerminal, bytes: Uint8Array, cuts: readonly number[]): void {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  for (const [index, place] of places.slice(1).entries()) terminal.feed(bytes.subarray(places[index], place));
}

const cuts = fc.array(fc.nat(), { maxLength: 6 });

for (const [name, stream] of [
  ['the output of programs', terminalStream({ ...size, kind: 'narrow' })],
  ['wide characters', terminalStream({ ...size, kind: 'wide' })],
  ['hyperlinks', linkStream],
] as const) {
  test(`the bounds change nothing for ${name}, however it is cut`, async () => {
    const property = fc.asyncProperty(stream, cuts, (pieces, at) => compare(Buffer.from(pieces.join('')), at));
    await fc.assert(property, { numRuns });
  });
}

/** What is counted, with as much as the screen has, and a little more. */
const counted = fc
  .tuple(
    fc.constantFrom(
      '@',
      'A',
      'B',
      'C',
      'D',
      'E',
      'F',
      'G',
      'I',
      'L',
      'M',
      'P',
      'S',
      'T',
      'X',
      'Z',
      '`',
      'a',
      'b',
      'd',
      'e',
    ),
    fc.constantFrom('\x1b[', '\u009b'),
    fc.nat({ max: size.columns * size.rows }),
    fc.constantFrom('', ';7', ':7', ' ', '\x07'),
  )
  .map(([final, introducer, count, more]) => `${introducer}${count}${more}${final}`);
const text = fc.constantFrom(
  'a',
  'é',
  '漢',
  'e\u0301',
  '\r\n',
  '\x1b[3;5H',
  '\x1b[2;5r',
  '\x1b[4h',
  '\x1b[31;4:3m',
  '\x1b#8',
);

test('counts within the size of the screen have the same effect as without bounds, in both forms', async () => {
  const stream = fc.array(fc.oneof(counted, text), { maxLength: 40 });
  const property = fc.asyncProperty(stream, cuts, (pieces, at) => compare(Buffer.from(pieces.join('')), at));
  await fc.assert(property, { numRuns: numRuns * 2 });
});

const most = '2147483647';
const harmful: Record<string, string> = {
  ...Object.fromEntries(
    Array.from('@ABCDEFGILMPSTXZ`abde').flatMap((final) => [
      [`CSI ${final}`, `a\x1b[${most}${final}`],
      [`C1 ${final}`, `a\u009b${most};${most}${final}`],
      [`${final} beyond 31 bits`, `a\x1b[${'9'.repeat(400)}${final}`],
    ]),
  ),
  'SL, SR': `\x1b[${most} @\x1b[${most} A`,
  'DECIC, DECDC': `\x1b[${most}'}\x1b[${most}'~`,
  'a control character in a sequence': `\x1b[21474\n83647S`,
  'a repeated character with all that combines': `a${'\u0301'.repeat(40)}\x1b[${most}b`,
  'a repeated wide character': `漢\x1b[${most}b`,
  'what is inserted, repeated': `\x1b[4h${`\x1b[Ha\x1b[${most}b`.repeat(4)}\x1b[4l`,
  'a wide character that is inserted, repeated': `\x1b[4h${`\x1b[H漢\x1b[${most}b`.repeat(8)}\x1b[4l`,
  DECALN: '\x1b#8'.repeat(10),
  'all that clears': '\x1b[2J\x1b[3J\x1b[?2J\x1bc\x1b[?1049h\x1b[?1049l\x1b[!p',
  'a region, scrolled': `\x1b[2;4r\x1b[${most}S\x1b[${most}T\x1b[3H\x1b[${most}L\x1b[${most}M`,
  'ten thousand parameters': `\x1b[${'1;'.repeat(10_000)}m`,
  'ten thousand sub-parameters': `\x1b[4${':1'.repeat(10_000)}m`,
};

test('no control sequence takes long on the largest screen, in any form and cut anywhere', async () => {
  const large = { columns: 1000, rows: 500 };
  const terminal = await createEmulatedTerminal(large);
  try {
    for (const [name, bytes] of Object.entries(harmful)) {
      for (const at of [[], [1], [2, 5], [4, 9, 11]]) {
        const start = performance.now();
        feedInPieces(terminal, Buffer.from(bytes), at);
        const tookMs = performance.now() - start;
        assert.ok(tookMs < 5000, `${name} took ${tookMs} ms`);
      }
    }
  } finally {
    terminal.close();
  }
});

const strings: Record<string, [start: string, end: string]> = {
  'OSC, BEL': ['\x1b]2;', '\x07'],
  'OSC, ST': ['\x1b]2;', '\x1b\\'],
  'OSC, C1': ['\u009d2;', '\u009c'],
  'a clipboard': ['\x1b]52;c;', '\x07'],
  'OSC without a number': ['\x1b]x', '\x07'],
  DECRQSS: ['\x1bP$q', '\x1b\\'],
  sixel: ['\x1bPq', '\x1b\\'],
  'DCS, C1': ['\u0090+q', '\u009c'],
  APC: ['\x1b_G', '\x1b\\'],
  PM: ['\x1b^', '\x1b\\'],
  SOS: ['\x1bX', '\x1b\\'],
};

for (const [name, [start, end]] of Object.entries(strings)) {
  test(`a string of 10 MB is ignored, and later output is not affected: ${name}`, async () => {
    const [long, none] = await Promise.all([createEmulatedTerminal(size), createEmulatedTerminal(size)]);
    try {
      long.feed(Buffer.from(start));
      for (let piece = 0; piece < 160; piece++) long.feed(Buffer.alloc(65_536, 'x'));
      const held = heap();
      long.feed(Buffer.from(`${end}text`));
      none.feed(Buffer.from('text'));
      assert.deepEqual(long.describe(), none.describe());
      assert.ok(held < 60 * 1024 * 1024, `the heap has ${held} bytes`);
    } finally {
      long.close();
      none.close();
    }
  });
}

test('a title is cut at the bound, and an address beyond the bound ends the previous hyperlink', async () => {
  const terminal = await createEmulatedTerminal(size);
  try {
    terminal.feed(Buffer.from(`\x1b]2;${'x'.repeat(maxStringLength - 2)}\x07`));
    assert.ok(terminal.describe().some((line) => line.includes('x'.repeat(maxStringLength - 2))));
    terminal.feed(Buffer.from(`\x1b]2;${'y'.repeat(maxStringLength)}\x07`));
    assert.ok(!terminal.describe().some((line) => line.includes('yy')));
    terminal.feed(Buffer.from(`\x1b]8;;http://a\x07a\x1b]8;;http://${'b'.repeat(maxStringLength)}\x07b`));
    const line = terminal.describe().find((it) => it.startsWith('normal 0:'));
    assert.match(line ?? '', /http:\/\/a\}a\{\}b/);
  } finally {
    terminal.close();
  }
});

test('links that no cell uses are forgotten, and the others are kept', async () => {
  const screen = await openScreen(size);
  try {
    screen.feed(Buffer.from('\x1b]8;;http://kept\x07kept\x1b]8;;\x07\r\n'));
    const before = heap();
    for (let i = 0; i < 300; i++) {
      const many = Array.from(
        { length: 100 },
        (_, j) => `\r\x1b]8;${j % 2 ? `id=${i}.${j}` : ''};http://${i}/${j}/${'x'.repeat(2000)}\x07z`,
      );
      screen.feed(Buffer.from(many.join('')));
      screen.snapshot();
    }
    const grown = heap() - before;
    assert.ok(grown < 20 * 1024 * 1024, `the heap grew by ${grown} bytes for 60 MB of links`);
    const shown = Buffer.from(screen.snapshot()).toString();
    assert.ok(shown.includes(';http://kept'));
    assert.ok(shown.includes(';http://299/99/'));
  } finally {
    screen.close();
  }
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
