/*
 * Log entries are made of any bytes that a process writes, in any pieces. What could break: a character that lies
 * across two pieces or two parts of a line, bytes that are not UTF-8, an entry that does not fit, or one byte to escape
 * among sixteen that are examined together. fast-check makes up bytes and cuts, and independent parsers must return the
 * same bytes; then each rule has a test.
 */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { array, assert as assertProperty, constantFrom, integer, oneof, property, uint8Array } from 'fast-check';
import { addon, LogFormat } from '../../src/native/addon.js';
import { type LogEntry, parseLog } from '../helpers/log/log-entries.js';

const { EINVAL, ENOBUFS } = constants.errno;
const partBytes = 16_384;
const roomForOne = 128 * 1024;

/** Encodes pieces one after the other, and what is left at the end. */
function encodeAll(format: LogFormat, pieces: readonly Uint8Array[], room = roomForOne): Buffer {
  const encoder = addon.log_create(LogFormat[format], false);
  const into = Buffer.alloc(room);
  const entries: Buffer[] = [];
  const keep = (length: number): number => entries.push(Buffer.from(into.subarray(0, length)));
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const answer = addon.log_encode(encoder, piece.subarray(at), into);
      assert.ok(answer > 0, 'nothing was taken and nothing written');
      at += Math.floor(answer / 2 ** 26);
      keep(answer % 2 ** 26);
    }
  }
  keep(addon.log_end(encoder, into));
  assert.equal(addon.log_destroy(encoder), 0);
  return Buffer.concat(entries);
}

function entriesOf(format: LogFormat, ...pieces: readonly (string | Uint8Array)[]): LogEntry[] {
  return parseLog(
    format,
    encodeAll(
      format,
      pieces.map((piece) => Buffer.from(piece as string)),
    ),
  );
}

const textsOf = (entries: readonly LogEntry[]): string[] => entries.map(({ bytes }) => bytes.toString());
const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Lines and characters of every kind, long lines, and bytes that are nothing. */
const anyBytes = array(
  oneof(
    uint8Array({ maxLength: 20 }),
    constantFrom(
      '\n',
      '\r\n',
      'plain text',
      '"',
      '\\',
      '<&>',
      '\0',
      '\x1b[31m',
      'ä',
      '€',
      '\u2028',
      '😀',
      '\ufeff',
    ).map((text) => Buffer.from(text)),
    constantFrom([0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf4, 0x90], [0x80]).map(
      (bytes) => Uint8Array.from(bytes),
    ),
    integer({ min: partBytes - 4, max: 2 * partBytes + 4 }).map((length) => Buffer.alloc(length, 'x')),
  ),
  { maxLength: 30 },
).map((pieces) => Buffer.concat(pieces));

const cuts = array(integer({ min: 0, max: 2 * partBytes }), { maxLength: 10 });

function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const length of lengths) {
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return [...pieces, bytes.subarray(at)];
}

test('any bytes in any pieces can be read back, from cri unchanged, from json-file as text', () => {
  assertProperty(
    property(anyBytes, cuts, (bytes, lengths) => {
      const cri = parseLog('cri', encodeAll('cri', cut(bytes, lengths)));
      assert.deepEqual(Buffer.concat(cri.map((entry) => entry.bytes)), bytes);
      const json = parseLog('json-file', encodeAll('json-file', cut(bytes, lengths)));
      assert.equal(textsOf(json).join(''), decode(bytes));
      for (const entries of [cri, json]) {
        for (const entry of entries) assert.ok(entry.bytes.subarray(0, -1).indexOf(0x0a) < 0, 'an entry is one line');
      }
    }),
    { numRuns: 300 },
  );
});

test('each byte is encoded at each position among plain bytes', () => {
  for (let byte = 0; byte < 256; byte++) {
    for (let place = 0; place < 37; place++) {
      const bytes = Buffer.alloc(37, 'a');
      bytes[place] = byte;
      assert.equal(textsOf(parseLog('json-file', encodeAll('json-file', [bytes]))).join(''), decode(bytes));
    }
  }
});

test('json-file is written as Docker writes it', () => {
  const time = '"time":"[0-9T:.-]+Z"}';
  const bytes = encodeAll('json-file', [Buffer.from('a "b" \\ <&>\t\x1b\u2028\r\n'), Buffer.from([0xff, 0x0a])]);
  const expected = String.raw`{"log":"a \"b\" \\ \u003c\u0026\u003e\u0009\u001b\u2028\r\n","stream":"stdout",`;
  const [first = '', second = ''] = bytes.toString().split('\n');
  assert.ok(first.startsWith(expected), first);
  assert.match(first, new RegExp(`,${time}$`));
  assert.match(second, new RegExp(String.raw`^{"log":"\\ufffd\\n","stream":"stdout",${time}$`));
});

test('a long line is written in parts of 16 KiB, and only the last ends it', () => {
  for (const format of ['json-file', 'cri'] as const) {
    const lengths = (count: number): number[] =>
      entriesOf(format, 'x'.repeat(count), '\n').map(({ bytes }) => bytes.length);
    assert.deepEqual(lengths(partBytes - 1), [partBytes]);
    assert.deepEqual(lengths(partBytes), [partBytes, 1]);
    assert.deepEqual(lengths(2 * partBytes + 5), [partBytes, partBytes, 6]);
  }
});

test('a part ends before a character that does not fit completely', () => {
  for (const format of ['json-file', 'cri'] as const) {
    for (const character of ['ä', '€', '😀']) {
      const length = Buffer.byteLength(character);
      for (let inside = 1; inside < length; inside++) {
        const before = 'x'.repeat(partBytes - inside);
        assert.deepEqual(textsOf(entriesOf(format, `${before}${character}y\n`)), [before, `${character}y\n`]);
        assert.deepEqual(textsOf(entriesOf(format, before, `${character}y\n`)), [before, `${character}y\n`]);
      }
    }
  }
});

test('a line without an end waits, and is written without one at the end of the stream', () => {
  const encoder = addon.log_create(LogFormat.cri, true);
  const into = Buffer.alloc(roomForOne);
  assert.equal(addon.log_encode(encoder, Buffer.from('prompt> '), into), 8 * 2 ** 26);
  assert.equal(addon.log_end(encoder, Buffer.alloc(100)), -ENOBUFS);
  const [entry] = parseLog('cri', into.subarray(0, addon.log_end(encoder, into)));
  assert.equal(entry?.stream, 'stderr');
  assert.equal(entry?.bytes.toString(), 'prompt> ');
  assert.equal(addon.log_end(encoder, into), 0);
  addon.log_destroy(encoder);
});

test('input that might not fit is not consumed', () => {
  const encoder = addon.log_create(LogFormat['json-file'], false);
  const from = Buffer.from('one\ntwo\n');
  assert.equal(addon.log_encode(encoder, from, new Uint8Array(100)), 0);
  const into = Buffer.alloc(280);
  const answer = addon.log_encode(encoder, from, into);
  assert.equal(Math.floor(answer / 2 ** 26), 4);
  assert.deepEqual(textsOf(parseLog('json-file', into.subarray(0, answer % 2 ** 26))), ['one\n']);
  addon.log_destroy(encoder);
});

test('an unknown encoder returns EINVAL, and a freed id is used again', () => {
  assert.equal(addon.log_create(2, false), -EINVAL);
  const encoders = Array.from({ length: 40 }, () => addon.log_create(LogFormat.cri, false));
  assert.equal(new Set(encoders).size, 40);
  for (const encoder of encoders) assert.equal(addon.log_destroy(encoder), 0);
  const [gone = 0] = encoders;
  const bytes = new Uint8Array(1);
  assert.equal(addon.log_destroy(gone), -EINVAL);
  assert.equal(addon.log_encode(gone, bytes, bytes), -EINVAL);
  assert.equal(addon.log_end(gone, bytes), -EINVAL);
  const again = addon.log_create(LogFormat.cri, false);
  assert.ok(encoders.includes(again));
  addon.log_destroy(again);
});
