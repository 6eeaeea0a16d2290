/**
 * The runtime's log is the only explanation that a user gets. An entry may take several lines and contain braces and
 * quotes; warnings may follow the error; the log may end in half an entry because the runtime died, contain no JSON, or
 * be empty while the reason is on stderr. The reason must become one line, and a log that was made to be slow must not
 * take long.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastErrorWords } from '../../src/runtime/runtime-words.js';

const line = (level: string, msg: unknown): string => `${JSON.stringify({ level, msg, time: 'now' })}\n`;

const beautiful = (level: string, msg: string): string =>
  `${JSON.stringify({ msg, level, time: 'now' }, undefined, 2)}\n`;

const table: [what: string, log: string, stderr: string, expected: string][] = [
  ['the last error', line('error', 'first') + line('error', 'second'), 'x', 'second'],
  ['no warning', line('error', 'the reason') + line('warning', 'later'), '', 'the reason'],
  ['a fatal error', line('fatal', 'the reason'), '', 'the reason'],
  ['a whole line before half a line', `${line('error', 'the reason')}{"level":"error","ms`, '', 'the reason'],
  ['stderr when the log is empty', '', ' one\n\ttwo \n', 'one two'],
  ['stderr when the log is no JSON', 'null\n[]\n7\nplain\n', 'said', 'said'],
  ['stderr when the error has no text', line('error', 7) + line('error', ''), 'said', 'said'],
  ['an entry of several lines, as crun 1.28 has it', beautiful('error', 'the reason'), 'x', 'the reason'],
  [
    'the last of those',
    beautiful('error', 'first') + beautiful('error', 'second') + beautiful('debug', 'x'),
    '',
    'second',
  ],
  ['entries of both kinds', beautiful('error', 'first') + line('error', 'second'), '', 'second'],
  [
    'entries without a newline between',
    line('error', 'first').trimEnd() + line('error', 'second').trimEnd(),
    '',
    'second',
  ],
  [
    'a whole entry before half of one',
    `${beautiful('error', 'the reason')}{\n  "level": "error",\n  "ms`,
    '',
    'the reason',
  ],
  [
    'a whole entry after half of one',
    `{\n  "level": "error",\n  "ms${beautiful('error', 'the reason')}`,
    '',
    'the reason',
  ],
  ['an entry after words', `a {brace} in "words\n${beautiful('error', 'the reason')}`, '', 'the reason'],
  ['braces, quotes and backslashes of a text', beautiful('error', '}{"\\" {{ \\'), '', '}{"\\" {{ \\'],
  ['no entry in another', line('info', 'x').replace('"now"', '{"level":"error","msg":"inner"}'), 'said', 'said'],
  ['nothing', '', '', ''],
  ['one line', line('error', 'a\n  b\r\nc'), '', 'a b c'],
  ['runc without its own prefix', line('error', 'runc create failed: unable to start'), '', 'unable to start'],
  ['runc exec without its own prefix', line('error', 'exec failed: unable to start'), '', 'unable to start'],
  ['other failures whole', line('error', 'mount of /x failed: busy'), '', 'mount of /x failed: busy'],
  ['a bounded length', '', 'x'.repeat(2000), `${'x'.repeat(500)}...`],
];

for (const [what, log, stderr, expected] of table) {
  test(`the reason of a failure is found: ${what}`, () => assert.equal(lastErrorWords(log, stderr), expected));
}

const slow: [what: string, log: string][] = [
  ['objects that have no end', '{'.repeat(65_536)],
  ['lines that begin an object', '{\n'.repeat(32_768)],
  ['strings that have no end', '{"\n'.repeat(21_845)],
  ['backslashes', `{"${'\\'.repeat(65_534)}`],
  ['depth', `${'{"a":'.repeat(10_922)}1${'}'.repeat(10_922)}`],
];

for (const [what, log] of slow) {
  test(`the reason is found in ${what} in bounded time`, () => {
    const begun = process.cpuUsage();
    assert.equal(lastErrorWords(log, 'said'), 'said');
    const { user, system } = process.cpuUsage(begun);
    assert.ok(user + system < 2_000_000, `${user + system} us`);
  });
}
