/*
 * The reader reads a file in blocks whose boundaries have no meaning, and reads it from the end to find its last lines.
 * Wherever a boundary falls, the lines must be the same as if the whole file were read at once, and a line without an
 * end must not fill the memory. fast-check makes up the texts and the block sizes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ReadableFile } from '../../../src/log/read/readable-file.js';
import { LineCutter, blockBytes, linesBackwards, maxLineBytes } from '../../../src/log/read/lines.js';

/** Short ones, none, and some of about a block. */
const length = fc.oneof(
  { weight: 8, arbitrary: fc.nat(12) },
  { weight: 1, arbitrary: fc.integer({ min: blockBytes - 3, max: blockBytes + 3 }) },
  { weight: 1, arbitrary: fc.constant(2 * blockBytes + 7) },
);
const file = fc.tuple(fc.array(length, { maxLength: 12 }), fc.nat(5)).map(([lengths, rest]) => {
  const lines = lengths.map((count, i) => Buffer.from(`${String.fromCharCode(97 + i).repeat(count)}\n`));
  return { lines, bytes: Buffer.concat([...lines, Buffer.alloc(rest, 'z')]), rest };
});

test('the lines are the same for every block size', () => {
  fc.assert(
    fc.property(file, fc.array(fc.integer({ min: 1, max: 3 * blockBytes }), { minLength: 1 }), (made, sizes) => {
      const cutter = new LineCutter();
      const lines: Buffer[] = [];
      for (let at = 0, i = 0; at < made.bytes.length; i++) {
        const size = sizes[i % sizes.length] as number;
        // A block is used again, as the reader does.
        const block = Buffer.from(made.bytes.subarray(at, at + size));
        lines.push(...cutter.cut(block).map((it) => Buffer.from(it)));
        block.fill(0);
        at += size;
      }
      assert.deepEqual(lines, made.lines);
      assert.equal(cutter.heldBytes, made.rest);
    }),
  );
});

test('the lines and their positions are the same if the file is read backwards', async () => {
  await fc.assert(
    fc.asyncProperty(file, async ({ lines, bytes }) => {
      let start = 0;
      const placed = lines.map((it) => ({ start, end: (start += it.length), line: it }));
      assert.deepEqual(await backwards(inMemory(bytes), bytes.length), placed.toReversed());
    }),
  );
});

test('a line that is too long is skipped, and those beside it are read', async () => {
  const bytes = Buffer.from(`before\n${'x'.repeat(maxLineBytes)}\nafter\n`);
  const cutter = new LineCutter();
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += blockBytes) {
    lines.push(...cutter.cut(bytes.subarray(at, at + blockBytes)).map(beginning));
  }
  assert.deepEqual(lines, ['before\n', '\n', 'after\n']);
  const placed = await backwards(inMemory(bytes), bytes.length);
  const [afterAt, end] = [bytes.length - 6, bytes.length];
  assert.deepEqual(
    placed.map(({ start, end: placedEnd, line }) => [start, placedEnd, beginning(line)]),
    [
      [afterAt, end, 'after\n'],
      [7, afterAt, '\n'],
      [0, 7, 'before\n'],
    ],
  );
});

/** A failure should not show all of it. */
function beginning(line: Buffer): string {
  return String(line.subarray(0, 10));
}

test('a file that is truncated while it is read has no more lines', async () => {
  const bytes = Buffer.from('one\ntwo\n');
  assert.deepEqual(await backwards(inMemory(bytes), bytes.length + 4), []);
});

async function backwards(from: ReadableFile, end: number) {
  const all = [];
  for await (const some of linesBackwards(from, end)) all.push(...some);
  return all;
}

function inMemory(bytes: Buffer): ReadableFile {
  return {
    id: 'memory',
    isEmpty: bytes.length === 0,
    size: async () => bytes.length,
    read: async (into, position) => bytes.copy(into, 0, position),
    close: () => {},
    [Symbol.dispose]: () => {},
  };
}
