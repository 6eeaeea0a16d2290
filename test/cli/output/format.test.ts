/*
 * People compare numbers by eye, and scripts cut columns. A table whose columns are not aligned, a unit that is wrong
 * by a factor, or a name that moves the cursor is misread. Names and command lines come from containers, so they may
 * have any characters.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import {
  formatBytes,
  formatCommand,
  formatDuration,
  printable,
  shorten,
  table,
} from '../../../src/cli/output/format.js';

describe('table', () => {
  test('aligns the columns, three spaces apart, with no spaces at the end of a line', () => {
    const text = table([
      ['ID', 'STATE', 'COMMAND'],
      ['a-long-one', 'up', 'sh'],
      ['b', 'stopped(137)', ''],
    ]);
    assert.deepEqual(text.split('\n'), [
      'ID           STATE          COMMAND',
      'a-long-one   up             sh',
      'b            stopped(137)   ',
      '',
    ]);
  });

  test('prints nothing for no rows', () => assert.equal(table([]), ''));
});

describe('formatBytes', () => {
  const cases: readonly (readonly [bigint | number, string])[] = [
    [0, '0B'],
    [1, '1B'],
    [1023, '1023B'],
    [1024, '1KiB'],
    [1536n, '1.5KiB'],
    [10 * 1024, '10KiB'],
    [10 * 1024 + 512, '11KiB'],
    [1024 ** 2 - 1, '1MiB'],
    [1024 ** 2, '1MiB'],
    [64 * 1024 ** 2, '64MiB'],
    [2 ** 40, '1TiB'],
    [2n ** 62n, '4096PiB'],
  ];
  for (const [bytes, text] of cases) test(`writes ${bytes} as ${text}`, () => assert.equal(formatBytes(bytes), text));

  test('is right to one part in twenty for every size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 55n }), (bytes) => {
        const [, number, unit] = /^([\d.]+)(\D+)$/.exec(formatBytes(bytes)) ?? [];
        const shown = Number(number) * 1024 ** ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'].indexOf(unit ?? '');
        assert.ok(Math.abs(shown - Number(bytes)) <= Number(bytes) / 20, `${bytes} as ${formatBytes(bytes)}`);
      }),
    );
  });
});

describe('formatDuration', () => {
  const second = 1000;
  const [minute, hour, day] = [60 * second, 3600 * second, 86_400 * second];
  const cases: readonly (readonly [number, string])[] = [
    [-5000, '0s'],
    [0, '0s'],
    [999, '0s'],
    [59_999, '59s'],
    [minute, '1m'],
    [12 * minute + 3 * second, '12m3s'],
    [hour, '1h'],
    [hour + 3 * second, '1h'],
    [5 * hour + 20 * minute, '5h20m'],
    [day - 1, '23h59m'],
    [3 * day + 4 * hour + 59 * minute, '3d4h'],
    [400 * day, '400d'],
  ];
  for (const [ms, text] of cases) test(`writes ${ms} ms as ${text}`, () => assert.equal(formatDuration(ms), text));
});

describe('formatCommand', () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [[], ''],
    [['top', '-b', '--delay=1', '/etc/passwd'], 'top -b --delay=1 /etc/passwd'],
    [['sh', '-c', 'read line; echo $line'], "sh -c 'read line; echo $line'"],
    [['echo', '', "it's"], "echo '' 'it'\\''s'"],
    [['sh', '-c', 'a\nb'], "sh -c 'a\\nb'"],
  ];
  for (const [words, text] of cases)
    test(`shows ${JSON.stringify(words)} as ${text || 'nothing'}`, () => assert.equal(formatCommand(words), text));
});

describe('printable', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['plain, Grüße, 漢字', 'plain, Grüße, 漢字'],
    ['\u001b[2J\u0007', '\\e[2J\\u0007'],
    ['a\r\nb\tc', 'a\\r\\nb\\tc'],
    ['\u009b31m', '\\u009b31m'],
    ['\u202eevil', '\\u202eevil'],
  ];
  for (const [text, shown] of cases) test(shown, () => assert.equal(printable(text), shown));
});

test('shorten cuts a text to the length, the ellipsis included', () => {
  assert.equal(shorten('exactly', 7), 'exactly');
  assert.equal(shorten('too long', 7), 'too lo…');
});
