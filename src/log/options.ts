/** The options of a log, named as those of Docker's json-file driver. */
import { isAbsolute, resolve } from 'node:path';
import { LogFormat } from '../native/addon.js';
import { TermshimError } from '../errors/errors.js';
import { sizeBytes } from './size.js';

/** How a log is written. */
export interface LogOptions {
  /** The file that is written. It and the directories above it are created if they do not exist. */
  path: string;
  /** `json-file` by default. */
  format?: LogFormat | undefined;
  /** The size at which a file is full and the next one is begun. By default a file grows without a limit. */
  maxBytes?: number | undefined;
  /**
   * How many files are kept, including the one that is written: 1 to 1000, 1 by default. With 1, a full one is emptied.
   */
  maxFiles?: number | undefined;
  /** Whether full files are compressed, by gzip; false by default. */
  compress?: boolean | undefined;
}

/** The options of a log with the defaults filled in. The path is absolute. */
export interface LogSettings {
  path: string;
  format: LogFormat;
  maxBytes: number | undefined;
  maxFiles: number;
  compress: boolean;
}

/** Fills in the defaults. Throws ERR_LOG_OPTION for a number that is out of range. */
export function withDefaults(options: LogOptions): LogSettings {
  const { path, format = 'json-file', maxBytes, maxFiles = 1, compress = false } = options;
  if (maxBytes !== undefined && !(maxBytes > 0)) throw wrong('maxBytes', `${maxBytes} is not the size of a file`);
  if (!Number.isInteger(maxFiles) || maxFiles < 1 || maxFiles > mostFiles) {
    throw wrong('maxFiles', `${maxFiles} is not a number from 1 to ${mostFiles}`);
  }
  return { path: resolve(path), format, maxBytes, maxFiles, compress };
}

/**
 * Reads pairs of a name and a value, in any order: `log-path`, `max-size`, `max-file`, `compress` and `format`. Fails
 * with ERR_LOG_OPTION.
 *
 * @param format the format if the pairs name none
 */
export function readLogOptions(pairs: Iterable<readonly [string, string]>, format: LogFormat): LogSettings {
  const given = new Map<Name, string>();
  for (const [name, value] of pairs) {
    if (!isName(name)) throw wrong(name, `it is unknown; the options are ${names.join(', ')}`);
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
    throw wrong('compress', 'it needs max-size, and max-file of at least 2');
  }
  return options;
}

const names = ['log-path', 'max-size', 'max-file', 'compress', 'format'] as const;

type Name = (typeof names)[number];

function isName(name: string): name is Name {
  return (names as readonly string[]).includes(name);
}

function parsePath(text: string | undefined): string {
  if (text === undefined || text === '') throw wrong('log-path', 'it is missing');
  if (!isAbsolute(text)) throw wrong('log-path', `${JSON.stringify(text)} is not an absolute path`);
  return text;
}

function parseFormat(text: string): LogFormat {
  if (Object.hasOwn(LogFormat, text)) return text as LogFormat;
  throw wrong('format', `${JSON.stringify(text)} is not one of ${Object.keys(LogFormat).join(', ')}`);
}

/** Docker documents -1, which is no limit, as the default. */
function parseMaxSize(text: string): number | undefined {
  if (text === '-1') return undefined;
  const bytes = sizeBytes(text);
  if (bytes === undefined) throw wrong('max-size', `${JSON.stringify(text)} is not a size such as 10m, 512k or 1g`);
  if (bytes === 0) throw wrong('max-size', 'it must not be 0; -1 means no limit');
  return bytes;
}

function parseMaxFile(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= mostFiles) return count;
  throw wrong('max-file', `${JSON.stringify(text)} is not a number from 1 to ${mostFiles}`);
}

/** Each rotation renames all files. */
const mostFiles = 1000;

/** The values of Go's ParseBool, in upper or lower case. */
function parseCompress(text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw wrong('compress', `${JSON.stringify(text)} is neither true nor false`);
}

function wrong(name: string, reason: string): TermshimError {
  return new TermshimError('ERR_LOG_OPTION', `the log option ${JSON.stringify(name)}: ${reason}`);
}
