/*
 * A new client gets the end of the earlier output. If that begins inside an escape sequence, the rest is shown as text,
 * or a string swallows the screen; if it begins inside a character, a wrong character is shown. The buffer may begin
 * anywhere, so fast-check makes up streams of pieces and cuts them anywhere: the replay must begin where a piece
 * begins.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { safeTail } from '../../../src/sessions/replay/replay.js';

const oneOf = (characters: string): fc.Arbitrary<string> => fc.constantFrom(...characters.split(''));
const ends = { any: ['\x07', '\x1b\\'], st: ['\x1b\\'] } as const;
const printable = fc.constantFrom(...Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i)));
const wide = fc.constantFrom('é', 'ß', '─', '漢', '字', '🐋', '👩', '\u0301', '\u{10ffff}');
const character = fc.oneof({ weight: 5, arbitrary: printable }, { weight: 2, arbitrary: wide });
const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
const control = fc.constantFrom('\x07', '\b', '\t', '\x0e', '\x0f');
const parameters = fc.string({ unit: oneOf('0123456789;:?<=>'), maxLength: 12 });
const escapeFinal = oneOf('6789=>DEHMNOZcnlm|}~');

const csi = fc
  .tuple(parameters, fc.constantFrom('', ' ', '!', '$', '"'), oneOf('@ABCDHJKLMPXfghlmnpqrtu~'))
  .map((parts) => `\x1b[${parts.join('')}`);
const twoByte = escapeFinal.map((final) => `\x1b${final}`);
const charset = fc
  .tuple(fc.constantFrom('(', ')', '*', '+', '#', '%', ' '), oneOf('0AB8GF@'))
  .map((parts) => `\x1b${parts.join('')}`);
const payload = fc.string({ unit: fc.oneof({ weight: 9, arbitrary: character }, lineEnd), maxLength: 60 });
const osc = fc.tuple(payload, fc.constantFrom(...ends.any)).map(([words, end]) => `\x1b]${words}${end}`);
const string = fc
  .tuple(fc.constantFrom('P', '_', '^', 'X', 'k'), payload, fc.constantFrom(...ends.st))
  .map(([introducer, words, end]) => `\x1b${introducer}${words}${end}`);

const piece = fc.oneof(
  { weight: 12, arbitrary: character },
  { weight: 2, arbitrary: lineEnd },
  { weight: 1, arbitrary: control },
  { weight: 3, arbitrary: csi },
  { weight: 1, arbitrary: twoByte },
  { weight: 1, arbitrary: charset },
  { weight: 2, arbitrary: osc },
  { weight: 2, arbitrary: string },
);
const stream = fc.array(piece, { minLength: 1, maxLength: 80 });

/** The offsets at which a piece begins, and the end. */
function boundaries(pieces: readonly string[]): Set<number> {
  const offsets = new Set([0]);
  let at = 0;
  for (const text of pieces) {
    // Between CR and LF one can cut too.
    if (text === '\r\n') offsets.add(at + 1);
    at += Buffer.byteLength(text);
    offsets.add(at);
  }
  return offsets;
}

test('the replay of any stream, cut anywhere, begins with a complete sequence', () => {
  fc.assert(
    fc.property(stream, fc.nat(3000), fc.nat(3000), (pieces, cutAt, maxBytes) => {
      const whole = Buffer.from(pieces.join(''));
      const held = whole.subarray(cutAt % (whole.length + 1));
      const tail = safeTail(held, { maxBytes, isWhole: held.length === whole.length });
      assert.ok(tail.length <= maxBytes);
      const start = whole.length - tail.length;
      assert.ok(boundaries(pieces).has(start), `byte ${start} of ${JSON.stringify(whole.toString())}`);
    }),
    { numRuns: 3000 },
  );
});

test('all of the output is replayed if its beginning is known', () => {
  fc.assert(
    fc.property(stream, (pieces) => {
      const whole = Buffer.from(pieces.join(''));
      assert.equal(safeTail(whole, { maxBytes: whole.length, isWhole: true }), whole);
    }),
  );
});

test('a stream with lines loses at most its first line and an open sequence', () => {
  const line = fc.string({ unit: character, maxLength: 200 }).map((words) => `${words}\r\n`);
  fc.assert(
    fc.property(fc.array(line, { minLength: 3, maxLength: 40 }), fc.nat(), (lines, seed) => {
      const whole = Buffer.from(lines.join(''));
      const held = whole.subarray(seed % whole.length);
      const tail = safeTail(held, { maxBytes: held.length, isWhole: false });
      const lost = held.subarray(0, held.length - tail.length).toString();
      assert.ok(lost.indexOf('\n') < 0 || lost.indexOf('\n') === lost.length - 1, JSON.stringify(lost));
    }),
  );
});

const rows: [what: string, output: string, maxBytes: number, expected: string][] = [
  ['nothing', '', 100, ''],
  ['text that could be anything', 'abc', 100, ''],
  ['after the rest of a colour', '1mred\nplain', 100, 'plain'],
  ['a colour at the start', '\x1b[31mred', 100, '\x1b[31mred'],
  ['after the rest of a title', 'my title\x07$ ', 100, '$ '],
  ['after the rest of a picture', '#0;2;0;0;0\n#1\x1b\\$ ', 100, '$ '],
  ['the last line', 'one\ntwo\nthree\n', 8, 'three\n'],
  ['the start of a line, not the middle of one', 'one\ntwo three\nfour', 12, 'four'],
  ['the middle of the only line', '\x1b[Hone two three', 5, 'three'],
  ['not inside a character', '\x1b[H漢字漢字', 7, '漢字'],
  ['not inside a colour', '\x1b[H\x1b[38;5;200mred', 6, 'red'],
  ['not inside a title', '\x1b[H\x1b]0;a title\x1b\\red', 9, 'red'],
  ['after a carriage return', '\x1b[H 10%\r 20%\r 30%', 7, ' 30%'],
  ['after both bytes of a line end', 'a\r\nb\r\nc', 5, 'b\r\nc'],
  ['of a sequence that was cancelled, nothing', '\x1b[H\x1b[12\x18abc', 5, 'abc'],
  ['a sequence at the end that is under way', '\x1b[Habc\x1b[3', 100, '\x1b[Habc\x1b[3'],
];

for (const [what, output, maxBytes, expected] of rows) {
  test(`the replay shows ${what}`, () => {
    const tail = safeTail(Buffer.from(output), { maxBytes, isWhole: false });
    assert.equal(Buffer.from(tail).toString(), expected);
  });
}

test('the search for the start of a line is bounded', () => {
  const picture = `\x1b[H${'\x1b[5;5Hxx'.repeat(2000)}\n$ `;
  const tail = safeTail(Buffer.from(picture), { maxBytes: 10_000, isWhole: false });
  assert.ok(tail.length > 5000, `${tail.length} bytes`);
});
