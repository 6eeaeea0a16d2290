/*
 * A recording is text, and the output of a terminal is bytes that are read in pieces of any length. What could break: a
 * character at the border of two pieces is split, or held back for ever; bytes that are not UTF-8 are lost, or make
 * JSON that no player reads; output and input, which interleave, complete each other's characters; times go back.
 * fast-check makes up the bytes and the borders.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { createCast, formatHeader } from '../../../src/sessions/recording/asciicast.js';
import { parseAsciicast } from '../../helpers/sessions/asciicast.js';

const header = formatHeader({
  size: { columns: 80, rows: 24 },
  startedAt: new Date(1_700_000_000_999),
  title: 'web',
  command: 'sh',
  env: { TERM: 'xterm' },
});

type Step =
  | { readonly kind: 'o' | 'i'; readonly bytes: Uint8Array }
  | { readonly kind: 'r'; readonly columns: number; readonly rows: number };

/** Text that ends in the middle of a character as often as not, and any bytes at all. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc
    .tuple(fc.string({ unit: 'grapheme' }), fc.nat(10), fc.nat(10))
    .map(([text, start, length]) => Uint8Array.from(Buffer.from(text).subarray(start, start + length))),
  fc.constantFrom(Buffer.from('\ufeff'), Buffer.from([0xf0]), Buffer.from([0x9f, 0x98]), Buffer.from([0x80])),
);
const side = fc.integer({ min: 1, max: 65_535 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('o' as const, 'i' as const), bytes }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('r' as const), columns: side, rows: side }) },
);

function decode(steps: readonly Step[], wanted: 'o' | 'i'): string {
  const all = Buffer.concat(steps.flatMap((it) => (it.kind === wanted ? [it.bytes] : [])));
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(all);
}

describe('an asciicast', () => {
  test('has all output and input, for any bytes in any pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(step, fc.double({ min: 0, max: 1e7, noNaN: true })), { maxLength: 40 }),
        (timed) => {
          let now = 0;
          const asciicast = createCast(() => now);
          let text = header;
          for (const [it, later] of timed) {
            now += later;
            if (it.kind === 'r') text += asciicast.resize(it);
            else text += it.kind === 'o' ? asciicast.output(it.bytes) : asciicast.input(it.bytes);
          }
          text += asciicast.end();
          const steps = timed.map(([it]) => it);
          const read = parseAsciicast(text);
          assert.equal(read.all('o'), decode(steps, 'o'));
          assert.equal(read.all('i'), decode(steps, 'i'));
          const sizes = steps.flatMap((it) => (it.kind === 'r' ? [`${it.columns}x${it.rows}`] : []));
          assert.deepEqual(
            read.events.filter(({ kind }) => kind === 'r').map(({ data }) => data),
            sizes,
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  test('holds a character back only until it is complete', () => {
    const asciicast = createCast(() => 1234.5678);
    assert.equal(asciicast.output(Buffer.from([0x61, 0xf0, 0x9f])), '[1.234568,"o","a"]\n');
    assert.equal(asciicast.output(Buffer.from([0x98])), '');
    assert.equal(asciicast.input(Buffer.from('x')), '[1.234568,"i","x"]\n');
    assert.equal(asciicast.output(Buffer.from([0x80, 0x0d])), '[1.234568,"o","😀\\r"]\n');
    assert.equal(asciicast.end(), '');
    assert.equal(asciicast.output(Buffer.from([0xe2, 0x82])), '');
    assert.equal(asciicast.end(), '[1.234568,"o","\ufffd"]\n');
  });

  test('begins with a header for the player', () => {
    assert.deepEqual(JSON.parse(header), {
      version: 2,
      width: 80,
      height: 24,
      timestamp: 1_700_000_000,
      title: 'web',
      command: 'sh',
      env: { TERM: 'xterm' },
    });
  });
});
