/*
 * Many cases decide whose window sets the size: a client typed last and then left, a client has no window, a client is
 * read-only. Each case is a row.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Size } from '../../src/os/console.js';
import {
  chooseSize,
  formatSizePolicy,
  parseSizePolicy,
  type SizePolicy,
  type Window,
} from '../../src/sessions/size.js';
import { Code } from '../../src/ttrpc/status.js';

/** `80x24`, with `-` before it for one that only looks. Who comes later in the list typed earlier. */
function windowsOf(list: string): Window[] {
  const words = list.split(' ').filter(Boolean);
  return words.map((word, at) => {
    const [columns = 0, rows = 0] = word.replace('-', '').split('x').map(Number);
    return { client: at + 1, size: { columns, rows }, isReadOnly: word.startsWith('-'), typedAt: words.length - at };
  });
}

const rows: [policy: SizePolicy, windows: string, size: string | undefined][] = [
  ['latest', '', undefined],
  ['latest', '80x24', '80x24'],
  ['latest', '132x43 80x24', '132x43'],
  ['latest', '0x0 80x24', '80x24'],
  ['latest', '0x0 80x24 100x30', '80x24'],
  ['latest', '0x0', undefined],
  ['latest', '80x0 0x24', undefined],
  ['latest', '-132x43 80x24', '80x24'],
  ['latest', '-132x43', undefined],
  ['smallest', '', undefined],
  ['smallest', '80x50 100x24', '80x24'],
  ['smallest', '80x50 0x0', '80x50'],
  ['smallest', '80x50 -10x10', '80x50'],
  ['largest', '80x50 100x24', '100x50'],
  ['largest', '0x0', undefined],
  [2, '80x50 100x24', '100x24'],
  [2, '80x50 -100x24', '100x24'],
  [2, '80x50 0x0', undefined],
  [3, '80x50 100x24', undefined],
  [{ columns: 40, rows: 10 }, '80x50 100x24', '40x10'],
  [{ columns: 40, rows: 10 }, '', '40x10'],
];

for (const [policy, windows, expected] of rows) {
  test(`the policy ${formatSizePolicy(policy)} with the windows [${windows}] sets ${expected ?? 'no size'}`, () => {
    const size: Size | undefined = chooseSize(policy, windowsOf(windows));
    assert.equal(size && `${size.columns}x${size.rows}`, expected);
  });
}

test('the policy latest follows the client that typed last, not the one that came last', () => {
  const [early, late] = windowsOf('80x24 100x30') as [Window, Window];
  assert.deepEqual(chooseSize('latest', [late, early]), early.size);
  assert.deepEqual(chooseSize('latest', [early, { ...late, typedAt: 99 }]), late.size);
});

for (const text of ['latest', 'smallest', 'largest', '1', '12345', '80x24', '65535x1']) {
  test(`${text} is a size policy`, () => assert.equal(formatSizePolicy(parseSizePolicy(text)), text));
}

for (const text of [
  '',
  'Latest',
  '0',
  '01',
  '-1',
  '1.5',
  'x',
  '80x',
  'x24',
  '0x24',
  '80x0',
  '65536x1',
  '80x24x1',
  ' 80x24',
  '80X24',
  '1e3',
  '9999999999',
]) {
  test(`${JSON.stringify(text)} is no size policy`, () => {
    assert.throws(() => parseSizePolicy(text), {
      code: Code.InvalidArgument,
      message: /a size policy is latest, .* but not ".*"/,
    });
  });
}
