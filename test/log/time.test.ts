/*
 * A log has nanoseconds, which a Date cannot hold, and entries of the same millisecond must be distinguished. `--since`
 * accepts what `docker logs` accepts: a text that is misread shows too much, or hides lines.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseSince } from '../../src/cli/options/since.js';
import { parseTime } from '../../src/log/time.js';

const second = 1_000_000_000n;
const noon = 1_767_268_800n * second;

describe('parseTime', () => {
  const times: readonly (readonly [text: string, time: bigint | undefined])[] = [
    ['2026-01-01T12:00:00Z', noon],
    ['2026-01-01T12:00:00.5Z', noon + second / 2n],
    ['2026-01-01T12:00:00.000000001Z', noon + 1n],
    ['2026-01-01T12:00:00.123456789123Z', noon + 123_456_789n],
    ['2026-01-01T14:00:00.000000001+02:00', noon + 1n],
    ['2026-01-01t12:00:00z', noon],
    ['1969-12-31T23:59:59.25Z', -second + second / 4n],
    ['2026-13-01T12:00:00Z', undefined],
    ['2026-01-01T12:00Z', undefined],
    ['1', undefined],
    ['', undefined],
  ];
  for (const [text, time] of times)
    test(`reads ${JSON.stringify(text)} as ${time}`, () => assert.equal(parseTime(text), time));
});

describe('parseSince', () => {
  const now = 1_767_268_800_000;
  const cases: readonly (readonly [text: string, since: bigint | undefined])[] = [
    ['10m', noon - 600n * second],
    ['1.5h', noon - 5400n * second],
    ['0', 0n],
    ['1767268800', noon],
    ['1767268800.000000001', noon + 1n],
    ['2026-01-01T12:00:00Z', noon],
    ['2026-01-01T12:00:00', BigInt(Date.parse('2026-01-01T12:00:00')) * 1_000_000n],
    ['2026-01-01', BigInt(Date.parse('2026-01-01T00:00:00')) * 1_000_000n],
    ['yesterday', undefined],
    ['10', 10n * second],
    ['-10m', undefined],
    ['', undefined],
  ];
  for (const [text, since] of cases)
    test(`reads ${JSON.stringify(text)} as ${since}`, () => assert.equal(parseSince(text, now), since));
});
