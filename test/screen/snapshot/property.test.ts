/*
 * A snapshot may be requested at any point of a program's output: in the middle of a sequence or of a character, before
 * a line wraps, with a scroll region, on either screen. A list of examples cannot have all of these. fast-check makes
 * up streams, and the test compares two terminals: one that got the whole stream, and one that got a snapshot and then
 * the rest.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createEmulatedTerminal, openScreen } from '../../helpers/sessions/emulated-terminal.js';
import { linkStream, terminalStream } from '../../helpers/sessions/terminal-stream.js';

const sizes = [
  { columns: 9, rows: 4 },
  { columns: 20, rows: 6 },
  { columns: 2, rows: 2 },
];
const numRuns = Number(process.env['RUNS'] ?? 100);
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };

for (const [index, size] of [...sizes, ...sizes].entries()) {
  const kind = index < sizes.length ? 'narrow' : 'wide';
  test(`a snapshot at any point of any stream shows the screen, ${kind}, ${size.columns}x${size.rows}`, async () => {
    await fc.assert(
      fc.asyncProperty(
        terminalStream({ ...size, kind }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (pieces, where) => {
          const bytes = Buffer.from(pieces.join(''));
          await compare(bytes, Math.floor(where * bytes.length), size);
        },
      ),
      { numRuns, ...seed },
    );
  });
}

/*
 * A size changes both screens; the normal one's lines are broken anew, by whether they go on in the next.
 */
test('a snapshot shows the screen if the size changes before and after', async () => {
  const size = fc.record({ columns: fc.integer({ min: 2, max: 16 }), rows: fc.integer({ min: 1, max: 7 }) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(size, terminalStream({ columns: 12, rows: 5, kind: 'resize' })), {
        minLength: 2,
        maxLength: 4,
      }),
      fc.nat(),
      async (stretches, where) => {
        const parts = stretches.map(([next, pieces]) => ({ size: next, bytes: Buffer.from(pieces.join('')) }));
        await compareResized(parts, 1 + (where % (parts.length - 1)));
      },
    ),
    { numRuns, ...seed },
  );
});

test('a snapshot keeps hyperlinks', async () => {
  const size = { columns: 20, rows: 12 };
  await fc.assert(
    fc.asyncProperty(linkStream, fc.double({ min: 0, max: 1, noNaN: true }), async (pieces, where) => {
      const bytes = Buffer.from(pieces.join(''));
      await compare(bytes, Math.floor(where * bytes.length), size);
    }),
    { numRuns, ...seed },
  );
});

async function compare(bytes: Buffer, cut: number, size: { columns: number; rows: number }): Promise<void> {
  const there = await createEmulatedTerminal(size);
  const later = await createEmulatedTerminal(size);
  const screen = await openScreen(size);
  try {
    const before = bytes.subarray(0, cut);
    there.feed(before);
    screen.feed(before);
    there.forget();
    later.feed(screen.snapshot());
    assert.deepEqual(later.describe(), there.describe());
    const middle = cut + Math.ceil((bytes.length - cut) / 2);
    for (const part of [bytes.subarray(cut, middle), bytes.subarray(middle)]) {
      there.feed(part);
      later.feed(part);
      assert.deepEqual(later.describe(), there.describe());
    }
  } finally {
    screen.close();
    later.close();
    there.close();
  }
}

interface Part {
  size: { columns: number; rows: number };
  bytes: Buffer;
}

/** The snapshot is taken before part number `cut`. */
async function compareResized(parts: readonly Part[], cut: number): Promise<void> {
  const first = parts[0]?.size ?? { columns: 80, rows: 24 };
  const last = parts[cut - 1]?.size ?? first;
  const there = await createEmulatedTerminal(first);
  const later = await createEmulatedTerminal(last);
  const screen = await openScreen(first);
  try {
    for (const { size, bytes } of parts.slice(0, cut)) {
      there.resize(size);
      there.feed(bytes);
      screen.resize(size);
      screen.feed(bytes);
    }
    there.forget();
    later.feed(screen.snapshot());
    assert.deepEqual(later.describe(), there.describe());
    for (const { size, bytes } of parts.slice(cut)) {
      for (const terminal of [there, later]) terminal.resize(size);
      assert.deepEqual(later.describe(), there.describe());
      for (const terminal of [there, later]) terminal.feed(bytes);
      assert.deepEqual(later.describe(), there.describe());
    }
  } finally {
    screen.close();
    later.close();
    there.close();
  }
}
