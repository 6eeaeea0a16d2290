/*
 * The durations and pids that a user types become numbers for timers and system calls. A text with a number only at its
 * beginning, a pid that overflows to another pid, and a time that setTimeout treats as one millisecond must all be
 * refused as wrong usage, and the message must show what is right.
 */
import assert from 'node:assert/strict';
import { InvalidArgumentError } from 'commander';
import { describe, test } from 'node:test';
import { parseDuration, parsePid, parseSignal, parseSize } from '../../../src/cli/options/options.js';

const longestTimerMs = 2 ** 31 - 1;

describe('parseDuration', () => {
  const good: readonly (readonly [string, number])[] = [
    ['0', 0],
    ['0s', 0],
    ['1ms', 1],
    ['500ms', 500],
    ['10s', 10_000],
    ['1.5s', 1500],
    ['.5s', 500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['10 s', 10_000],
    ['10S', 10_000],
    ['10 seconds', 10_000],
    ['24d', 24 * 86_400_000],
  ];
  for (const [text, ms] of good) test(`reads ${text} as ${ms} ms`, () => assert.equal(parseDuration(text), ms));

  const bad = [
    '',
    ' ',
    '10',
    '1.5',
    '-5s',
    '+5s',
    '-0',
    '00',
    's',
    'ms',
    '10x',
    '10s5',
    '10s 5m',
    '1..5s',
    '1,5s',
    '5.s',
  ];
  for (const text of [...bad, 'ten s', 'Infinitys', 'NaN', '1e3s', '0x10s', '10\n', '１０s', `${'9'.repeat(120)}s`]) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      const isTold = (error: Error): boolean => error instanceof InvalidArgumentError && /10s/.test(error.message);
      assert.throws(() => parseDuration(text), isTold);
    });
  }

  for (const text of ['25d', '5w', '1y', '999999999999h']) {
    test(`refuses ${text}, which is longer than a timer can wait`, () => {
      let ms: number;
      try {
        ms = parseDuration(text);
      } catch (error) {
        assert.ok(error instanceof InvalidArgumentError);
        return;
      }
      assert.ok(ms <= longestTimerMs, `${ms} ms overflows setTimeout`);
    });
  }
});

describe('parsePid', () => {
  for (const [text, pid] of [
    ['1', 1],
    ['4194304', 4_194_304],
  ] as const) {
    test(`reads ${text} as ${pid}`, () => assert.equal(parsePid(text), pid));
  }

  const bad = ['', ' ', '0', '-1', '1.5', 'x', '12x', 'NaN', 'Infinity', '1 2', '9'.repeat(30)];
  for (const text of [...bad, '2147483648', '4294967297']) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      const isTold = (error: Error): boolean => error instanceof InvalidArgumentError && /pid/.test(error.message);
      assert.throws(() => parsePid(text), isTold);
    });
  }
});

describe('parseSize', () => {
  test('reads the columns, then the rows', () => {
    assert.deepEqual(parseSize('100x30'), { columns: 100, rows: 30 });
    assert.deepEqual(parseSize('65535x1'), { columns: 65_535, rows: 1 });
  });

  for (const text of [
    '',
    'x',
    '100',
    '0x0',
    '80x0',
    '0x24',
    '65536x24',
    '80x-24',
    '80X24',
    '80x24x1',
    ' 80x24',
    '8e1x24',
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseSize(text),
        (error: Error) => /100x30/.test(error.message),
      );
    });
  }
});

describe('parseSignal', () => {
  const good: readonly (readonly [string, number])[] = [
    ['TERM', 15],
    ['SIGTERM', 15],
    ['sigterm', 15],
    ['kill', 9],
    ['HUP', 1],
    ['9', 9],
    ['64', 64],
    ['RTMIN', 34],
    ['SIGRTMIN+3', 37],
    ['rtmax', 64],
    ['RTMAX-1', 63],
  ];
  for (const [text, number] of good) test(`reads ${text} as ${number}`, () => assert.equal(parseSignal(text), number));

  const bad = ['', '0', '-1', '65', '9.5', 'SIG', 'SIGSIGTERM', 'TERMINATE', 'SIG9x', 'RTMIN-1', 'RTMAX+1', 'RTMIN+31'];
  for (const text of [...bad, 'RTMAX-31', 'constructor', '__proto__', 'KILL ']) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseSignal(text),
        (error: Error) => /TERM, SIGHUP/.test(error.message),
      );
    });
  }
});
