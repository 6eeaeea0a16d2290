/*
 * A client that missed output gets a notice in its place, which may fall anywhere in the stream: a sequence that was
 * cut off there must not swallow the notice, and the amount must be readable. The tests format amounts, and put the
 * notice behind open sequences.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skippedNotice } from '../../../src/sessions/replay/notice.js';

const rows: [bytes: number, amount: string][] = [
  [1, '1 B'],
  [999, '999 B'],
  [1000, '1.0 KB'],
  [9949, '9.9 KB'],
  [9950, '10 KB'],
  [262_144, '262 KB'],
  [999_499, '999 KB'],
  [999_500, '1.0 MB'],
  [1_234_567, '1.2 MB'],
  [87_654_321, '88 MB'],
  [5_000_000_000, '5.0 GB'],
  [2e15, '2000 TB'],
];

for (const [bytes, amount] of rows) {
  test(`the notice writes ${bytes} bytes as ${amount}`, () => {
    assert.equal(
      Buffer.from(skippedNotice(bytes)).toString(),
      `\x18\x1b[m\r\n[termshim: ${amount} of output skipped]\r\n`,
    );
  });
}
