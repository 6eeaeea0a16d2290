/*
 * The writer cuts the output of a process into pieces, and the reader reads it in entries, blocks and files. If each is
 * tested alone, a fault in one may hide a fault in the other. fast-check makes up streams and pieces, and the output
 * that is read must equal the output that was written: while the log is written and rotated, afterwards, and from the
 * end.
 */
import assert from 'node:assert/strict';
import { watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { before } from 'node:test';
import * as fc from 'fast-check';
import type { LogStream } from '../../src/log/encoder.js';
import type { LogSettings } from '../../src/log/options.js';
import { type ReadLogOptions, readLog } from '../../src/log/read/read-log.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { logOptions, openTestLog } from '../helpers/log/test-log.js';
import { within } from '../helpers/base/wait-for.js';

const numRuns = Number(process.env['RUNS'] ?? 20);
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };

interface Piece {
  stream: LogStream;
  bytes: Uint8Array;
}

const text = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .constantFrom('\n', 'line\n', 'a\r\n', '漢字🐋', '\u0000\u001b[1m', '"\\<>&\u2028', '{"log":"x"}\n')
    .map((it) => Buffer.from(it)),
  // Longer than a part.
  fc
    .tuple(fc.integer({ min: 16_380, max: 16_390 }), fc.constantFrom('x', 'é', '🐋'))
    .map(([count, it]) => long(count, it)),
);
const piece: fc.Arbitrary<Piece> = fc.record({ stream: fc.constantFrom('stdout', 'stderr'), bytes: text });
const options: fc.Arbitrary<Partial<LogSettings>> = fc
  .record({
    format: fc.constantFrom('json-file', 'cri'),
    maxBytes: fc.integer({ min: 1000, max: 60_000 }),
    compress: fc.boolean(),
  })
  .map((it) => Object.assign(it, { maxFiles: 1000 }));

/** So many characters, nowhere the same: lines of one time that are alike could not be told apart. */
function long(count: number, filler: string): Buffer {
  const words = Array.from({ length: count }, (_, n) => `${n}${filler.repeat(9)}`).join('');
  return Buffer.from(Array.from(words).slice(0, count).join(''));
}

// What the first watch leaves open for good.
before(() => watch(tmpdir()).close());

leakTest('the reader returns what the writer wrote, for any bytes and any file sizes', async (scope) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 30, size: 'max' }),
      options,
      fc.nat(20),
      async (pieces, more, tail) => {
        const all = logOptions(scope, more);
        const { log } = await openTestLog(scope, all);
        const end = new AbortController();
        const following = read(all.path, { follow: end.signal });
        for (const [index, { stream, bytes }] of pieces.entries()) {
          log.write(stream, bytes);
          if (index % 5 === 0) await log.flush();
        }
        await log.close();
        end.abort();
        const written = { stdout: outputOf(pieces, 'stdout', all), stderr: outputOf(pieces, 'stderr', all) };
        assert.deepEqual(await within(following, 'the end of the log'), written);
        assert.deepEqual(await read(all.path), written);
        const last = await read(all.path, { tail });
        for (const stream of ['stdout', 'stderr'] as const) assert.ok(written[stream].endsWith(last[stream]));
        assert.ok(linesIn(last.stdout) + linesIn(last.stderr) <= tail);
        if (tail >= linesIn(written.stdout) + linesIn(written.stderr)) assert.deepEqual(last, written);
      },
    ),
    { numRuns, ...seed },
  );
});

/** The bytes of each stream as latin1, so that a difference can be seen. */
async function read(path: string, how: ReadLogOptions = {}): Promise<Record<LogStream, string>> {
  const shown = { stdout: '', stderr: '' };
  const onBroken = (lines: number): void => assert.equal(lines, 0, 'broken lines');
  for await (const some of readLog(path, { ...how, onBroken })) {
    for (const { stream, bytes } of some) shown[stream] += bytes.toString('latin1');
  }
  return shown;
}

/** JSON has characters only: what is none has become U+FFFD. */
function outputOf(pieces: readonly Piece[], wanted: LogStream, { format }: LogSettings): string {
  const bytes = Buffer.concat(pieces.filter(({ stream }) => stream === wanted).map((it) => it.bytes));
  const shown = format === 'cri' ? bytes : Buffer.from(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
  return shown.toString('latin1');
}

function linesIn(output: string): number {
  return output.split('\n').filter((line, index, all) => index < all.length - 1 || line !== '').length;
}
