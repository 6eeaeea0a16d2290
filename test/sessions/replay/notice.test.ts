/*
 * What a client is told in place of what it missed stands in the middle of anything: the sequence that was cut off there
 * must not swallow it, and the amount must be one that people read.
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
  test(`${bytes} bytes are ${amount}`, () => {
    assert.equal(
      Buffer.from(skippedNotice(bytes)).toString(),
      `\x18\x1b[m\r\n[termshim: ${amount} of output skipped]\r\n`,
    );
  });
}
