/*
 * Bills and evictions depend on these numbers. What could break: a double rounds a number beyond 2^53, `max` is read as
 * a number, or a file is read while its cgroup is removed. A missing file must be absent, and a failed read must be an
 * error.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  listNames,
  parseCount,
  parseCounts,
  parsePairs,
  readCount,
  readCounts,
  readText,
  unlimited,
} from '../../../src/task/cgroup/stat-files.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';

const numbers: readonly (readonly [string | undefined, bigint | undefined])[] = [
  ['0', 0n],
  ['9007199254740993', 9007199254740993n],
  ['18446744073709551615', 18446744073709551615n],
  ['max', 18446744073709551615n],
  ['18446744073709551616', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['1e3', undefined],
  ['0x10', undefined],
  ['', undefined],
  [undefined, undefined],
];
for (const [word, count] of numbers) {
  test(`the number ${word} is read`, () => assert.equal(parseCount(word), count));
}

test('lines with a key and a number are read, and others are skipped', () => {
  const counts = parseCounts('a 1\nb  9007199254740993\r\nc\nd x\ne -5\nf 1 2\n\n g max\nh');
  assert.deepEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', ''].map(counts), [
    1n,
    9007199254740993n,
    0n,
    0n,
    0n,
    0n,
    unlimited,
    0n,
    0n,
  ]);
});

test('pairs are read, and a key without a value is skipped', () => {
  assert.deepEqual(
    [...parsePairs(['a=1', 'b', 'c=', '', 'd=2=3'])],
    [
      ['a', '1'],
      ['c', ''],
      ['d', '2'],
    ],
  );
});

test('a missing file is undefined, and a file that cannot be read is an error', (t) => {
  const directory = temporaryDirectory(t);
  assert.equal(readText(directory, 'none'), undefined);
  assert.equal(readCount(directory, 'none'), undefined);
  assert.equal(readCounts(directory, 'none'), undefined);
  assert.deepEqual(listNames(join(directory, 'none'), /(.*)/), []);
  mkdirSync(join(directory, 'folder'));
  assert.throws(() => readText(directory, 'folder'), { name: 'TermshimError', errno: 'EISDIR' });
});

test('a file with a number can be read, and the names in a directory can be listed', (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'hugetlb.2MB.current'), '18446744073709551614\n');
  writeFileSync(join(directory, 'hugetlb.1GB.current'), '');
  writeFileSync(join(directory, 'hugetlb.1GB.rsvd.current'), '1\n');
  assert.deepEqual(listNames(directory, /^hugetlb\.(\d+[MG]B)\.current$/), ['1GB', '2MB']);
  assert.equal(readCount(directory, 'hugetlb.2MB.current'), 18446744073709551614n);
  assert.equal(readCount(directory, 'hugetlb.1GB.current'), undefined);
});
