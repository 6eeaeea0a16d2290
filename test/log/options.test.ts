/**
 * Options come from a URI, through a shim that changes their order, or from people who know Docker's. What could break:
 * a size is read in steps of 1024, the order of the options matters, or a mistake is ignored and the log grows for
 * ever.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, constantFrom, integer, property, shuffledSubarray, string } from 'fast-check';
import { readLogOptions, withDefaults } from '../../src/log/options.js';
import { sizeBytes } from '../../src/log/size.js';

const path = ['log-path', '/var/log/c.log'] as const;

test('a size is read as Docker reads it', () => {
  const rows = [
    ['32', 32],
    ['32b', 32],
    ['32k', 32_000],
    ['32K', 32_000],
    ['32kb', 32_000],
    ['32Kib', 32_000],
    ['10m', 10_000_000],
    ['1.5 GB', 1_500_000_000],
    ['1t', 1e12],
    ['2p', 2e15],
    ['0', 0],
    ['0.0005k', 0],
    ['.5k', undefined],
    ['1.k', undefined],
    ['1  k', undefined],
    ['-1', undefined],
    ['', undefined],
    ['k', undefined],
    ['1e3', undefined],
    ['10mm', undefined],
    ['10m ', undefined],
    ['10p', undefined],
  ] as const;
  for (const [text, bytes] of rows) assert.equal(sizeBytes(text), bytes, text);
});

test('every size is a number of bytes in steps of 1000, and no other text is a size', () => {
  const units = ['', 'k', 'm', 'g', 't'];
  const unit = constantFrom(...units);
  const ending = constantFrom('', 'b', 'B', 'ib', 'iB');
  assertProperty(
    property(integer({ min: 0, max: 9000 }), unit, ending, (count, step, end) => {
      assert.equal(sizeBytes(`${count}${step}${end}`), count * 1000 ** units.indexOf(step));
    }),
  );
  assertProperty(
    property(string(), (text) => {
      const bytes = sizeBytes(text);
      assert.equal(bytes !== undefined, /^\d+(\.\d+)? ?[kmgtp]?i?b?$/i.test(text) && Number.isSafeInteger(bytes));
    }),
  );
});

test('the order of the options does not matter', () => {
  const pairs = [path, ['max-size', '10m'], ['max-file', '3'], ['compress', 'true'], ['format', 'cri']] as const;
  const expected = { path: '/var/log/c.log', format: 'cri', maxBytes: 10_000_000, maxFiles: 3, compress: true };
  assertProperty(
    property(shuffledSubarray([...pairs], { minLength: pairs.length }), (shuffled) => {
      assert.deepEqual(readLogOptions(shuffled, 'json-file'), expected);
    }),
  );
});

test('the defaults are Docker’s: one file without a limit', () => {
  const options = { path: '/var/log/c.log', format: 'cri', maxBytes: undefined, maxFiles: 1, compress: false };
  assert.deepEqual(readLogOptions([path], 'cri'), options);
  assert.deepEqual(readLogOptions([path, ['max-size', '-1'], ['compress', 'F']], 'cri'), options);
});

test('a wrong option is refused with its name and the reason', () => {
  const rows = [
    [[], /"log-path": it is missing/],
    [[['log-path', '']], /"log-path": it is missing/],
    [[['log-path', 'c.log']], /"log-path": "c.log" is not an absolute path/],
    [[path, path], /"log-path": it is given twice/],
    [[path, ['max-size', '0']], /"max-size": it must not be 0; -1 means no limit/],
    [[path, ['max-size', '']], /"max-size": "" is not a size/],
    [[path, ['max-size', '10x']], /"max-size": "10x" is not a size/],
    [[path, ['max-file', '0']], /"max-file": "0" is not a number from 1/],
    [[path, ['max-file', '1.5']], /"max-file": "1.5" is not a number/],
    [[path, ['max-file', '1001']], /"max-file": "1001" is not a number/],
    [[path, ['compress', '']], /"compress": "" is neither true nor false/],
    [[path, ['compress', 'true']], /"compress": it needs max-size, and max-file/],
    [[path, ['compress', 'true'], ['max-size', '1m']], /"compress": it needs max-size, and max-file/],
    [[path, ['format', 'xml']], /"format": "xml" is not one of json-file, cri/],
    [[path, ['format', 'toString']], /"format": "toString" is not one of/],
    [[path, ['tag', 'x']], /"tag": it is unknown; the options are log-path, /],
  ] as const;
  for (const [pairs, message] of rows) {
    assert.throws(() => readLogOptions(pairs, 'json-file'), { code: 'ERR_LOG_OPTION', message });
  }
});

test('invalid options of the library are refused, and the error names the option', () => {
  for (const [option, value] of [
    ['maxBytes', 0],
    ['maxBytes', -1],
    ['maxBytes', Number.NaN],
    ['maxFiles', 0],
    ['maxFiles', 1.5],
    ['maxFiles', Number.POSITIVE_INFINITY],
  ] as const) {
    const message = new RegExp(`${option}.*${value}`);
    assert.throws(() => withDefaults({ path: 'log', [option]: value }), { code: 'ERR_LOG_OPTION', message });
  }
});
