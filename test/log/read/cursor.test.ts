/*
 * While a log is read, its files are written, renamed, compressed, copied, emptied and removed, at any moment, and
 * several times between two reads. A reader that follows names reads a file twice or not at all; a reader that follows
 * inodes loses its position when a file is compressed or copied. fast-check makes up histories with a read anywhere in
 * them; every entry must be returned once, in order, if it existed long enough to be read.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { findBeginning } from '../../../src/log/read/beginning.js';
import { LogCursor } from '../../../src/log/read/cursor.js';
import type { Scope } from '../../helpers/base/leak-free.js';
import { assertNoNewDescriptors, warmUp } from '../../helpers/base/leak-free.js';
import { openDescriptors } from '../../helpers/base/descriptors.js';
import { criEntry, jsonEntry, timeOfEntry } from '../../helpers/log/log-lines.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { WrittenLog } from '../../helpers/log/rotating-log.js';

const numRuns = Number(process.env['RUNS'] ?? 60);
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };

type Step = 'append' | 'half' | 'cut' | 'rotate' | 'compress' | 'copy' | 'truncate' | 'read' | 'drain';

const often = { append: 6, half: 2, cut: 1, rotate: 3, compress: 2, copy: 2, truncate: 2, read: 6, drain: 1 };

function histories(...steps: Step[]): fc.Arbitrary<Step[]> {
  const weighted = steps.map((step) => ({ weight: often[step], arbitrary: fc.constant(step) }));
  return fc.array(fc.oneof(...weighted), { minLength: 10, maxLength: 60, size: 'max' });
}

const kept: readonly Step[] = ['append', 'half', 'cut', 'rotate', 'compress', 'read', 'drain'];
const formats = { 'json-file': jsonEntry, cri: criEntry };

for (const [format, entry] of Object.entries(formats)) {
  test(`the cursor reads every entry once while files are renamed and compressed, ${format}`, async (t) => {
    await forAll(t, histories(...kept), async (scope, steps) => {
      const { read, written } = await play(scope, { steps, entry });
      assert.deepEqual(read, written);
    });
  });

  test(`the cursor reads every entry once while files are copied and emptied, ${format}`, async (t) => {
    await forAll(t, histories(...kept, 'copy'), async (scope, steps) => {
      const { read, written } = await play(scope, { steps, entry });
      assert.deepEqual(read, written);
    });
  });

  test(`the cursor loses only entries that were emptied or removed, ${format}`, async (t) => {
    await forAll(t, histories(...kept, 'copy', 'truncate'), async (scope, steps) => {
      const { read, written, gone } = await play(scope, { steps, entry, maxFiles: 3 });
      assert.deepEqual(
        read,
        [...new Set(read)].toSorted((a, b) => a - b),
        'twice, or not in order',
      );
      const isRead = new Set(read);
      assert.deepEqual(
        written.filter((n) => !isRead.has(n) && !gone.has(n)),
        [],
        'lost',
      );
    });
  });
}

test('the cursor reads a removed file that it has open, and reports a removed file that it has not open', async (t) => {
  const log = new WrittenLog(join(temporaryDirectory(t), 'log'), 4);
  const append = (number: number): void => log.append(jsonEntry(`000${number}\n`, { time: timeOfEntry(number) }));
  let gaps = 0;
  const reader = await openReader(log.path, () => gaps++);
  t.after(() => reader.close());
  append(0);
  await reader.step();
  for (const number of [1, 2, 3]) {
    log.rotate();
    append(number);
  }
  // The end of the file, and what comes after it.
  await reader.step();
  await reader.step();
  for (const number of [4, 5, 6, 7, 8]) {
    log.rotate();
    append(number);
  }
  await reader.drain();
  assert.deepEqual(reader.numbers, [0, 1, 2, 5, 6, 7, 8]);
  assert.equal(gaps, 1);
});

function forAll(
  scope: Scope,
  made: fc.Arbitrary<Step[]>,
  check: (scope: Scope, steps: Step[]) => Promise<void>,
): Promise<void> {
  return warmUp().then(() => {
    const before = openDescriptors();
    scope.after(() => assertNoNewDescriptors(before));
    return fc.assert(
      fc.asyncProperty(made, async (steps) => {
        const undos: (() => unknown)[] = [];
        try {
          await check({ after: (undo) => void undos.push(undo) }, steps);
        } finally {
          for (const undo of undos.toReversed()) await undo();
        }
      }),
      { numRuns, ...seed },
    );
  });
}

interface History {
  steps: readonly Step[];
  entry: (text: string, options: { time: string }) => string;
  maxFiles?: number;
}

interface Played {
  /** The numbers of the entries that were read. */
  read: number[];
  written: number[];
  /** Those that were in files which were emptied or removed. */
  gone: Set<number>;
}

/** Plays the history with a reader that was there from the beginning, and lets it read the rest. */
async function play(scope: Scope, { steps, entry, maxFiles }: History): Promise<Played> {
  const log = new WrittenLog(join(temporaryDirectory(scope), 'log'), maxFiles);
  const written: number[] = [];
  const gone = new Set<number>();
  let next = 0;
  let half: { number: number; rest: string } | undefined;
  const reader = await openReader(log.path);
  scope.after(() => reader.close());

  const make = (): string => {
    const number = next++;
    // The same bytes at the same place in every file, but for the number and the time.
    const text = entry(`${`${number}`.padStart(4, '0')} ${'x'.repeat(30)}\n`, { time: timeOfEntry(number) });
    half = { number, rest: text };
    return text;
  };
  const finish = (): void => {
    if (half === undefined) return;
    log.append(half.rest);
    written.push(half.number);
    half = undefined;
  };
  const lose = (text: string): void => {
    for (const [, number] of text.matchAll(/(\d{4}) x{30}/g)) gone.add(Number(number));
  };
  const play1: Record<Step, () => unknown> = {
    append() {
      finish();
      make();
      finish();
    },
    half() {
      finish();
      const text = make();
      log.append(text.slice(0, 40));
      half = { number: next - 1, rest: text.slice(40) };
    },
    cut() {
      if (half !== undefined) log.cutOff(40);
      half = undefined;
    },
    rotate() {
      finish();
      lose(log.rotate());
    },
    compress: () => log.compress(),
    async copy() {
      finish();
      // What is copied away before any of it was read cannot be told from what was there before.
      play1.append();
      await reader.drain();
      play1.append();
      lose(log.copyAndTruncate());
    },
    truncate() {
      finish();
      lose(log.truncate());
    },
    read: () => reader.step(),
    drain: () => reader.drain(),
  };
  for (const step of [...steps, 'append', 'drain'] as const) await play1[step]();
  return { read: reader.numbers, written, gone };
}

interface Reader {
  numbers: number[];
  /** One call. */
  step(): Promise<unknown>;
  drain(): Promise<void>;
  close(): void;
}

async function openReader(path: string, onGap = (): void => {}): Promise<Reader> {
  const start = await findBeginning(path, undefined);
  assert.ok(start !== undefined);
  const cursor = await LogCursor.open(path, start, onGap);
  const numbers: number[] = [];
  let isAtEnd = false;
  const step = async (): Promise<boolean> => {
    if (isAtEnd) {
      const goesOn = await cursor.advance();
      isAtEnd = false;
      return goesOn;
    }
    const entries = await cursor.read();
    isAtEnd = entries === undefined;
    for (const { bytes } of entries ?? []) numbers.push(Number(bytes.toString().slice(0, 4)));
    return true;
  };
  return {
    numbers,
    step,
    async drain() {
      isAtEnd = false;
      while (await step());
    },
    close: () => cursor.close(),
  };
}
