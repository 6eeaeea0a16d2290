/*
 * An option that is taken for another kind has a silent effect: a flag that is passed as data is EINVAL at best, and a
 * file system's option that is passed as a flag is lost. fast-check puts every name into any order with others: the
 * last word for a flag counts, and unknown options keep their order.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseMountOptions } from '../../../src/os/mount/options.js';

const opposites = [
  ['ro', 'rw', 1],
  ['nosuid', 'suid', 2],
  ['nodev', 'dev', 4],
  ['noexec', 'exec', 8],
  ['sync', 'async', 16],
  ['mand', 'nomand', 64],
  ['noatime', 'atime', 1024],
  ['nodiratime', 'diratime', 2048],
  ['relatime', 'norelatime', 1 << 21],
  ['strictatime', 'nostrictatime', 1 << 24],
] as const;

const names: ReadonlySet<string> = new Set(opposites.flatMap(([set, clear]) => [set, clear]));

test('every single option is read as mount(8) reads it', () => {
  const nothing = parseMountOptions([]);
  for (const [set, clear, flag] of opposites) {
    assert.deepEqual(parseMountOptions([set]), { ...nothing, flags: flag });
    assert.deepEqual(parseMountOptions([clear]), { ...nothing, cleared: flag });
  }
  assert.deepEqual(parseMountOptions(['defaults']), nothing);
  assert.deepEqual(nothing.data, []);
  assert.equal(parseMountOptions(['loop']).loop, true);
  assert.equal(parseMountOptions(['uidmap=0:1000:1,1:2:3']).uidMap, '0:1000:1,1:2:3');
  assert.equal(parseMountOptions(['bind']).flags, 4096);
  assert.equal(parseMountOptions(['rbind']).flags, 4096 + 16384);
  assert.equal(parseMountOptions(['remount']).flags, 32);
  assert.equal(parseMountOptions(['dirsync']).flags, 128);
});

test('any options in any order have the same effect as one after the other', () => {
  const known = fc.constantFrom(...names);
  const foreign = fc.constantFrom('size=1m', 'lowerdir=/ro:/rw', 'constructor', '__proto__', 'ro ', 'RO', '');
  fc.assert(
    fc.property(fc.array(fc.oneof(known, foreign)), (options) => {
      const { flags, cleared, propagations, data } = parseMountOptions(options);
      for (const [set, clear, flag] of opposites) {
        const last = options.findLast((option) => option === set || option === clear);
        assert.equal((flags & flag) !== 0, last === set);
        assert.equal((cleared & flag) !== 0, last === clear);
      }
      const foreigners = options.filter((option) => !names.has(option));
      assert.deepEqual(data, foreigners);
      assert.deepEqual(propagations, []);
    }),
  );
});
