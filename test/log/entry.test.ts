/*
 * Docker, containerd, CRI-O, nerdctl and termshim write logs, each in its own way, and a kill leaves half an entry.
 * Every entry must be read byte for byte, whatever other fields it has, and a line that is not an entry must be
 * reported as such. The tests parse lines of each writer and broken ones.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseEntry } from '../../src/log/entry.js';

const time = '2026-01-02T03:04:05.000000006Z';

describe('parseEntry', () => {
  const entries: readonly (readonly [what: string, line: string | Buffer, stream: string, text: string])[] = [
    ['of json-file', `{"log":"hello\\n","stream":"stdout","time":"${time}"}\n`, 'stdout', 'hello\n'],
    ['with attrs', `{"log":"a\\n","stream":"stderr","attrs":{"x":"1"},"time":"${time}"}\n`, 'stderr', 'a\n'],
    ['in another order', `{"time":"${time}","stream":"stdout","log":"a\\n"}\n`, 'stdout', 'a\n'],
    [
      'with the escapes of Go',
      `{"log":"\\u003c\\u2028\\ufffd\\"\\n","stream":"stdout","time":"${time}"}\n`,
      'stdout',
      '<\u2028\ufffd"\n',
    ],
    ['that is a part', `{"log":"begin","stream":"stdout","time":"${time}"}\n`, 'stdout', 'begin'],
    ['with a zero byte', `{"log":"\\u0000\\n","stream":"stdout","time":"${time}"}\n`, 'stdout', '\0\n'],
    ['that is empty', `{"log":"\\n","stream":"stdout","time":"${time}"}\n`, 'stdout', '\n'],
    ['of CRI', `${time} stderr F hello there\n`, 'stderr', 'hello there\n'],
    ['of CRI that is a part', `${time} stdout P begin\n`, 'stdout', 'begin'],
    ['of CRI with more tags', `${time} stdout P:x:y begin\n`, 'stdout', 'begin'],
    ['of CRI that is empty', `${time} stdout F \n`, 'stdout', '\n'],
    ['of CRI with spaces', `${time} stdout F  a \n`, 'stdout', ' a \n'],
    ['of CRI with a carriage return', `${time} stdout F a\r\n`, 'stdout', 'a\r\n'],
    ['of CRI that looks like JSON', `${time} stdout F {"log":"x"}\n`, 'stdout', '{"log":"x"}\n'],
  ];
  for (const [what, line, stream, text] of entries) {
    test(`reads an entry ${what}`, () => {
      const entry = parseEntry(Buffer.from(line));
      assert.deepEqual(
        { ...entry, bytes: entry?.bytes.toString() },
        { stream, time, bytes: text, endsLine: text.endsWith('\n') },
      );
    });
  }

  test('returns the written bytes of a CRI entry, UTF-8 or not', () => {
    const bytes = Buffer.from([0xff, 0x00, 0x80, 0xe2, 0x82, 0x0a]);
    const line = Buffer.concat([Buffer.from(`${time} stdout F `), bytes]);
    assert.deepEqual(parseEntry(line)?.bytes, bytes);
  });

  test('keeps the time zone of the writer', () => {
    const zoned = '2026-01-02T03:04:05.000000006+02:00';
    assert.equal(parseEntry(Buffer.from(`${zoned} stdout F a\n`))?.time, zoned);
  });
});

describe('parseEntry returns undefined', () => {
  const lines: readonly string[] = [
    '\n',
    'hello\n',
    '{\n',
    '{}\n',
    '{"log":"hello\\n","stream":"std\n',
    `{"log":"a\\n","stream":"stdin","time":"${time}"}\n`,
    `{"log":1,"stream":"stdout","time":"${time}"}\n`,
    '{"log":"a\\n","stream":"stdout"}\n',
    `{"log":"a\\n","stream":"stdout","time":"${time}"}{"log":"b\n`,
    `${time}\n`,
    `${time} stdout\n`,
    `${time} stdout F\n`,
    `${time} stdin F a\n`,
    `${time} stdout X a\n`,
    'yesterday stdout F a\n',
  ];
  for (const line of lines)
    test(`for ${JSON.stringify(line)}`, () => assert.equal(parseEntry(Buffer.from(line)), undefined));
});
