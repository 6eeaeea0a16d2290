/**
 * Parsers of option values that several commands share. A value that they refuse is a usage error.
 */
import { constants } from 'node:os';
import { InvalidArgumentError, Option } from 'commander';
import type { Size } from '../../os/console.js';
import { durationMs } from '../../client/duration.js';
import { isPid } from '../../os/process/pid.js';

export type Format = 'table' | 'json';

export function formatOption(): Option {
  return new Option('--format <format>', 'a table, or JSON').choices(['table', 'json']).default('table');
}

export function execOption(what: string): Option {
  return new Option('--exec <exec>', what);
}

/** `10s`, `500ms`, `2m`; a bare `0` means without end. Returns milliseconds. */
export function parseDuration(text: string): number {
  const parsed = durationMs(text);
  if (parsed === undefined) throw new InvalidArgumentError('A duration looks like 10s, 500ms or 2m.');
  if (parsed > longestTimerMs) throw new InvalidArgumentError('The longest duration is 24 days.');
  return parsed;
}

export function parsePid(text: string): number {
  const pid = Number(text);
  if (!isPid(pid)) throw new InvalidArgumentError('A pid is a positive number.');
  return pid;
}

/** `100x30`: columns, then rows. */
export function parseSize(text: string): Size {
  const [, columns = 0, rows = 0] = /^(\d{1,5})x(\d{1,5})$/.exec(text)?.map(Number) ?? [];
  if (Math.min(columns, rows) < 1 || Math.max(columns, rows) > longestSide) {
    throw new InvalidArgumentError(`A size is COLUMNSxROWS, such as 100x30, each from 1 to ${longestSide}.`);
  }
  return { columns, rows };
}

/** The number of a signal, by its name, with or without SIG, or by its number. */
export function parseSignal(text: string): number {
  const name = text.toUpperCase().replace(/^SIG/, '');
  const known = (constants.signals as Readonly<Record<string, number>>)[`SIG${name}`];
  const number = known ?? (/^\d{1,3}$/.test(name) ? Number(name) : realTimeSignal(name));
  if (number !== undefined && number >= 1 && number <= realTime.RTMAX) return number;
  throw new InvalidArgumentError('A signal is a name, such as TERM, SIGHUP or RTMIN+3, or a number from 1 to 64.');
}

/** The numbers in the C library of most systems; see signal(7). */
const realTime = { RTMIN: 34, RTMAX: 64 } as const;

function realTimeSignal(name: string): number | undefined {
  const [, base, offset = '0'] = /^(RTMIN(?=\+|$)|RTMAX(?=-|$))([+-]\d{1,2})?$/.exec(name) ?? [];
  if (base === undefined) return undefined;
  const number = realTime[base as keyof typeof realTime] + Number(offset);
  return number >= realTime.RTMIN ? number : undefined;
}

/** Columns or rows; see ioctl_tty(2). */
const longestSide = 65_535;

/** setTimeout takes a longer delay for 1 ms. */
const longestTimerMs = 2 ** 31 - 1;
