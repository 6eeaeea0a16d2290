/**
 * The runtime's log is the only explanation that a user gets. It may hold warnings after the error, half a line (the
 * runtime died while it wrote), no JSON at all, or nothing while the reason stands on stderr. It must become one line.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastErrorWords } from '../../src/runtime/runtime-words.js';

const line = (level: string, msg: unknown): string => `${JSON.stringify({ level, msg, time: 'now' })}\n`;

const table: [what: string, log: string, stderr: string, expected: string][] = [
  ['the last error', line('error', 'first') + line('error', 'second'), 'x', 'second'],
  ['no warning', line('error', 'the reason') + line('warning', 'later'), '', 'the reason'],
  ['a fatal error', line('fatal', 'the reason'), '', 'the reason'],
  ['a whole line before half a line', `${line('error', 'the reason')}{"level":"error","ms`, '', 'the reason'],
  ['stderr when the log is empty', '', ' one\n\ttwo \n', 'one two'],
  ['stderr when the log is no JSON', 'null\n[]\n7\nplain\n', 'said', 'said'],
  ['stderr when the error has no text', line('error', 7) + line('error', ''), 'said', 'said'],
  ['nothing', '', '', ''],
  ['one line', line('error', 'a\n  b\r\nc'), '', 'a b c'],
  ['runc without its own prefix', line('error', 'runc create failed: unable to start'), '', 'unable to start'],
  ['runc exec without its own prefix', line('error', 'exec failed: unable to start'), '', 'unable to start'],
  ['other failures whole', line('error', 'mount of /x failed: busy'), '', 'mount of /x failed: busy'],
  ['a bounded length', '', 'x'.repeat(2000), `${'x'.repeat(500)}...`],
];

for (const [what, log, stderr, expected] of table) {
  test(`gives ${what}`, () => assert.equal(lastErrorWords(log, stderr), expected));
}
