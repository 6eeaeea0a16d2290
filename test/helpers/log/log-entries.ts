/** Reads a log file by independent parsers: JSON.parse, and the rule of kubelet. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { LogFormat } from '../../../src/native/addon.js';

export interface LogEntry {
  stream: string;
  time: string;
  /** As the process wrote it: with its line end, unless it is a part that ends no line. */
  bytes: Buffer;
}

/** Every line must be an entry, and the last one whole. */
export function parseLog(format: LogFormat, bytes: Buffer): LogEntry[] {
  if (bytes.length === 0) return [];
  assert.equal(bytes.at(-1), 0x0a, 'the last entry is not whole');
  const parse = format === 'json-file' ? parseJsonEntry : parseCriEntry;
  return splitLines(bytes.subarray(0, -1)).map(parse);
}

export function readLog(format: LogFormat, path: string): LogEntry[] {
  return parseLog(format, readFileSync(path));
}

/** All files of a log that is rotated, the oldest first. Each must have whole entries. */
export function readAllLogs(format: LogFormat, path: string): LogEntry[] {
  const files = logFiles(path).toSorted((a, b) => numberOf(b) - numberOf(a));
  return files.flatMap((suffix) => {
    const bytes = readFileSync(`${path}${suffix}`);
    return parseLog(format, suffix.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  });
}

/** What their names have behind that of the log: nothing, `.1`, `.2.gz`. */
export function logFiles(path: string): string[] {
  const name = basename(path);
  return readdirSync(dirname(path)).flatMap((it) => (it.startsWith(name) ? [it.slice(name.length)] : []));
}

function numberOf(suffix: string): number {
  return Number(/^\.(\d+)/.exec(suffix)?.[1] ?? 0);
}

/** As `readLog`, of a log that may be written just now: its last line is left out if it is not whole yet. */
export function readGrowingLog(format: LogFormat, path: string): LogEntry[] {
  const bytes = readFileSync(path);
  return parseLog(format, bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1));
}

/** What a stream had to say, in one piece. */
export function outputOf(entries: readonly LogEntry[], stream: string): Buffer {
  return Buffer.concat(entries.filter((entry) => entry.stream === stream).map(({ bytes }) => bytes));
}

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; ; ) {
    const end = bytes.indexOf(0x0a, from);
    lines.push(bytes.subarray(from, end < 0 ? bytes.length : end));
    if (end < 0) return lines;
    from = end + 1;
  }
}

const rfc3339 = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{0,8}[1-9])?Z`;
const wholeTime = new RegExp(`^${rfc3339}$`);
const criHead = new RegExp(`^(${rfc3339}) (stdout|stderr) ([FP]) `);

function parseJsonEntry(line: Buffer): LogEntry {
  const { log, ...rest } = JSON.parse(line.toString()) as { log: string; stream: string; time: string };
  assert.deepEqual(Object.keys(rest), ['stream', 'time']);
  assert.match(rest.time, wholeTime);
  return { ...rest, bytes: Buffer.from(log) };
}

function parseCriEntry(line: Buffer): LogEntry {
  const [head, time = '', stream = '', tag = ''] = criHead.exec(line.toString('latin1')) ?? [];
  assert.ok(head !== undefined, `${line.subarray(0, 100).toString()} is no entry`);
  const text = line.subarray(head.length);
  return { stream, time, bytes: tag === 'F' ? Buffer.concat([text, Buffer.from('\n')]) : text };
}
