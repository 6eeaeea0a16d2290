/*
 * Errors have text from a container, its config.json or its runtime, and appear on the user's terminal. What could
 * break: a sequence that clears the screen, types for the user, starts a second line or reverses the reading order gets
 * through; a long text fills the terminal; JSON becomes invalid. The test tries each character that could do harm.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { table } from '../../src/cli/output/format.js';
import { jsonLine } from '../../src/cli/output/json.js';
import { errorLine } from '../../src/errors/error-line.js';
import { TermshimError } from '../../src/errors/errors.js';
import { printable, printableJson } from '../../src/errors/printable.js';

const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => String.fromCodePoint(from + at));

const harmful = [
  ...range(0, 0x1f),
  ...range(0x7f, 0x9f),
  ...range(0x200b, 0x200f),
  ...range(0x2028, 0x202e),
  ...range(0x2066, 0x2069),
  '\u061c',
  '\ufeff',
  '\ud800',
  '\u{e0041}',
];

test('no character that could harm a terminal gets into a line, a cell or JSON', () => {
  for (const character of harmful) {
    const text = `a${character}b`;
    const code = character.codePointAt(0)?.toString(16);
    assert.match(printable(text), /^a[\\\w]+b$/, code);
    assert.match(errorLine(new TermshimError('ERR_SYSTEM', text)), /^termshim: a[\\\w; ]*b \[ERR_SYSTEM\]\n$/, code);
    assert.match(table([[text]]), /^a[\\\w]+b\n$/, code);
    const json = jsonLine({ text });
    assert.match(json, /^\{"text":"a[\\\w]+b"\}\n$/, code);
    assert.deepEqual(JSON.parse(json), { text }, code);
  }
});

test('printable text stays unchanged, and escaped text is not escaped again', () => {
  for (const text of ['/run/döner ☃', 'Größe: 5 €', '容器', 'a\\nb']) {
    assert.equal(printable(text), text);
    assert.equal(printableJson(JSON.stringify(text)), JSON.stringify(text));
  }
  assert.equal(printable(printable('\u001b[2J\n')), '\\e[2J\\n');
});

test('several lines become one line, and a long one is cut', () => {
  assert.equal(errorLine(new TermshimError('ERR_SYSTEM', 'a \n  b')), 'termshim: a; b [ERR_SYSTEM]\n');
  const line = errorLine(new TermshimError('ERR_RUNTIME_FAILED', '\u001b'.repeat(1_000_000)));
  assert.ok(line.length < 3100, `${line.length}`);
  assert.match(line, /… \[ERR_RUNTIME_FAILED\]\n$/);
});
