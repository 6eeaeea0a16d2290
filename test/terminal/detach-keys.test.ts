/*
 * A terminal may deliver the detach keys in any number of reads. They must be found in each case, and other keys must
 * not be lost, doubled or held back for ever. The test feeds the same bytes in every possible division, and compares
 * the result with a plain search.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { createDetachMatcher, defaultDetachKeys, parseDetachKeys } from '../../src/terminal/detach-keys.js';

describe('parseDetachKeys', () => {
  const lists: readonly (readonly [string, readonly number[]])[] = [
    [defaultDetachKeys, [0x10, 0x11]],
    ['ctrl-@', [0]],
    ['ctrl-a,ctrl-z', [1, 26]],
    ['ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_', [27, 28, 29, 30, 31]],
    ['a,B,7, ,~', [0x61, 0x42, 0x37, 0x20, 0x7e]],
    ['ctrl-],x', [29, 0x78]],
    ['DEL', [0x7f]],
  ];
  for (const [text, bytes] of lists) {
    test(`reads ${JSON.stringify(text)} as ${bytes.join(' ')}`, () => {
      assert.deepEqual(parseDetachKeys(text), Uint8Array.from(bytes));
    });
  }

  for (const text of [
    '',
    ',',
    'a,',
    ',a',
    'ab',
    'ctrl-',
    'ctrl-A',
    'ctrl-1',
    'ctrl-ab',
    'Ctrl-a',
    '^P',
    'é',
    '\t',
    'del',
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseDetachKeys(text), undefined));
  }
});

describe('createDetachMatcher', () => {
  /** What is delivered in the end, and whether the keys were found, if `typed` comes in `pieces`. */
  function feedAll(keys: string, pieces: readonly string[]): { delivered: string; held: string; isComplete: boolean } {
    const matcher = createDetachMatcher(Buffer.from(keys));
    let delivered = '';
    for (const piece of pieces) {
      const { deliver, isComplete } = matcher.feed(Buffer.from(piece));
      delivered += Buffer.from(deliver).toString();
      if (isComplete) return { delivered, held: '', isComplete };
    }
    return { delivered, held: Buffer.from(matcher.held).toString(), isComplete: false };
  }

  const cases: readonly (readonly [string, string[], ReturnType<typeof feedAll>])[] = [
    ['pq', ['abpq'], { delivered: 'ab', held: '', isComplete: true }],
    ['pq', ['p', 'q'], { delivered: '', held: '', isComplete: true }],
    ['pq', ['p', 'x', 'pq'], { delivered: 'px', held: '', isComplete: true }],
    ['pq', ['ppq'], { delivered: 'p', held: '', isComplete: true }],
    ['pq', ['p'], { delivered: '', held: 'p', isComplete: false }],
    ['pq', ['pqlost'], { delivered: '', held: '', isComplete: true }],
    ['p', ['xp'], { delivered: 'x', held: '', isComplete: true }],
    ['aab', ['aaab'], { delivered: 'a', held: '', isComplete: true }],
    ['aab', ['aaaaa'], { delivered: 'aaa', held: 'aa', isComplete: false }],
    ['abab', ['abaabab'], { delivered: 'aba', held: '', isComplete: true }],
    ['abac', ['ababac'], { delivered: 'ab', held: '', isComplete: true }],
  ];
  for (const [keys, pieces, expected] of cases) {
    test(`looks for ${keys} in ${JSON.stringify(pieces)}`, () => assert.deepEqual(feedAll(keys, pieces), expected));
  }

  test('finds any keys in any input, in any pieces', () => {
    const few = fc.array(fc.constantFrom('a', 'b'), { maxLength: 30 }).map((it) => it.join(''));
    const keys = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 5 }).map((it) => it.join(''));
    fc.assert(
      fc.property(keys, fc.array(few), (wanted, pieces) => {
        const typed = pieces.join('');
        const at = typed.indexOf(wanted);
        const { delivered, held, isComplete } = feedAll(wanted, pieces);
        assert.equal(isComplete, at >= 0);
        assert.equal(delivered + held, at < 0 ? typed : typed.slice(0, at));
        assert.ok(wanted.startsWith(held) && held.length < wanted.length);
      }),
    );
  });
});
