/**
 * Reads the files of a cgroup's directory. If the kernel or a controller lacks a file, that is no error.
 *
 * The reads are synchronous: some 20 small files of kernel memory take 0.4 ms. With libuv's pool they cost six times
 * the CPU time.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, fileError } from '../../errors/file-error.js';

/** The largest 64-bit number, for a limit that is not set. */
export const unlimited = 2n ** 64n - 1n;

/** The values of a file by their keys; 0 for a key that it does not have. */
export type Counts = (key: string) => bigint;

/** The text of a file; undefined if there is none. */
export function readText(directory: string, file: string): string | undefined {
  const path = join(directory, file);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw fileError(error, `read ${path}`);
  }
}

/** Reads a file with one number; `max` is `unlimited`. */
export function readCount(directory: string, file: string): bigint | undefined {
  return parseCount(readText(directory, file)?.trim());
}

/** Reads a file with lines `key number`. */
export function readCounts(directory: string, file: string): Counts | undefined {
  const text = readText(directory, file);
  return text === undefined ? undefined : parseCounts(text);
}

/** The parts of the names in a directory that the pattern captures, sorted. */
export function listNames(directory: string, pattern: RegExp): string[] {
  try {
    return readdirSync(directory)
      .flatMap((name) => pattern.exec(name)?.[1] ?? [])
      .toSorted();
  } catch (error) {
    if (isAbsence(error)) return [];
    throw fileError(error, `read ${directory}`);
  }
}

/** An unsigned number of at most 64 bits, exactly, or `max`. Anything else is undefined. */
export function parseCount(word: string | undefined): bigint | undefined {
  if (word === 'max') return unlimited;
  if (word === undefined || !/^\d+$/.test(word)) return undefined;
  const count = BigInt(word);
  return count > unlimited ? undefined : count;
}

/** Ignores a line that is cut off or has no number. */
export function parseCounts(text: string): Counts {
  const counts = new Map<string, bigint>();
  for (const line of text.split('\n')) {
    const [key, word, ...more] = line.trim().split(/\s+/);
    const count = parseCount(word);
    if (key !== undefined && count !== undefined && more.length === 0) counts.set(key, count);
  }
  return (key) => counts.get(key) ?? 0n;
}

/** Parses words such as `rbytes=4096`. */
export function parsePairs(words: readonly string[]): Map<string, string> {
  return new Map(words.map((word) => word.split('=', 2) as [string, string]).filter((pair) => pair.length === 2));
}

/** ENODEV: the cgroup was removed. EOPNOTSUPP: the kernel does not count this (swap accounting or pressure is off). */
function isAbsence(error: unknown): boolean {
  return ['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '');
}
