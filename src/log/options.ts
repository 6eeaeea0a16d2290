/** What can be said of a log, in the words of Docker's json-file driver. */
import { isAbsolute } from 'node:path';
import { LogFormat } from '../native/addon.js';
import { TermshimError } from '../errors/errors.js';
import { sizeBytes } from './size.js';

export interface LogOptions {
  /** Of the file that is written; absolute. */
  path: string;
  format: LogFormat;
  /** A file that has so many is full, and another is begun; undefined: never. */
  maxBytes: number | undefined;
  /** How many files there are, the one that is written included. */
  maxFiles: number;
  /** Whether those that are full are compressed. */
  compress: boolean;
}

/**
 * Reads pairs of a name and a value, in any order: `log-path`, `max-size`, `max-file`, `compress` and `format`. Fails
 * with ERR_LOG_OPTION.
 *
 * @param format what it is unless the pairs say another
 */
export function readLogOptions(pairs: Iterable<readonly [string, string]>, format: LogFormat): LogOptions {
  const given = new Map<Name, string>();
  for (const [name, value] of pairs) {
    if (!isName(name)) throw wrong(name, `there is no such option; there are ${names.join(', ')}`);
    if (given.has(name)) throw wrong(name, 'it is given twice');
    given.set(name, value);
  }
  const read = <T>(name: Name, parse: (text: string) => T, otherwise: T): T => {
    const text = given.get(name);
    return text === undefined ? otherwise : parse(text);
  };
  const options = {
    path: parsePath(given.get('log-path')),
    format: read('format', parseFormat, format),
    maxBytes: read('max-size', parseMaxSize, undefined),
    maxFiles: read('max-file', parseMaxFile, 1),
    compress: read('compress', parseCompress, false),
  };
  if (options.compress && (options.maxBytes === undefined || options.maxFiles < 2)) {
    throw wrong('compress', 'no file is ever full and kept without a max-size, and a max-file of 2 or more');
  }
  return options;
}

const names = ['log-path', 'max-size', 'max-file', 'compress', 'format'] as const;

type Name = (typeof names)[number];

function isName(name: string): name is Name {
  return (names as readonly string[]).includes(name);
}

function parsePath(text: string | undefined): string {
  if (text === undefined || text === '') throw wrong('log-path', 'it is missing, and no log is written without one');
  if (!isAbsolute(text)) throw wrong('log-path', `${JSON.stringify(text)} is not an absolute path`);
  return text;
}

function parseFormat(text: string): LogFormat {
  if (Object.hasOwn(LogFormat, text)) return text as LogFormat;
  throw wrong('format', `${JSON.stringify(text)} is not one of ${Object.keys(LogFormat).join(', ')}`);
}

/** Docker documents -1 as the default. */
function parseMaxSize(text: string): number | undefined {
  if (text === '-1') return undefined;
  const bytes = sizeBytes(text);
  if (bytes === undefined) throw wrong('max-size', `${JSON.stringify(text)} is no size such as 10m, 512k or 1g`);
  if (bytes === 0) throw wrong('max-size', 'a log cannot have a size of 0; -1 is no limit');
  return bytes;
}

function parseMaxFile(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= mostFiles) return count;
  throw wrong('max-file', `${JSON.stringify(text)} is no number from 1 to ${mostFiles}`);
}

/** Each is renamed whenever one is full. */
const mostFiles = 1000;

/** As Go's ParseBool has them. */
function parseCompress(text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw wrong('compress', `${JSON.stringify(text)} is neither true nor false`);
}

function wrong(name: string, reason: string): TermshimError {
  return new TermshimError('ERR_LOG_OPTION', `the log option ${JSON.stringify(name)}: ${reason}`);
}
