/** Finds where the last lines of a log begin. Reads the log backwards, as far as needed. */
import { type ParsedEntry, parseEntry } from '../entry.js';
import type { LogStart } from './beginning.js';
import { type FoundFile, findLogFiles, openById, openFound } from './files.js';
import { type LineWithOffset, linesBackwards } from './lines.js';

/** Undefined if there is no log. */
export async function findTail(path: string, lines: number): Promise<LogStart | undefined> {
  for (;;) {
    const found = await search(path, lines);
    if (found === undefined) return undefined;
    const file = found === 'again' ? undefined : openById(path, found.id);
    if (file !== undefined) return { ...(found as Position), file };
  }
}

interface Position extends Omit<LogStart, 'file'> {
  /** The id of the file. */
  id: string;
}

/** Returns `again` if the files were renamed meanwhile, so that the next one is unknown. */
async function search(path: string, lines: number): Promise<Position | undefined | 'again'> {
  let files = findLogFiles(path);
  const newest = files.at(-1);
  if (newest === undefined) return undefined;
  const tail = new Tail(lines, newest.id);
  for (let index = files.length - 1; index >= 0; ) {
    using file = openFound(files[index] as FoundFile);
    if (file === undefined) return 'again';
    for await (const block of linesBackwards(file, await file.size())) {
      for (const line of block) if (!tail.add(file.id, line)) return tail.start;
    }
    files = findLogFiles(path);
    const here = files.findIndex(({ id }) => id === file.id);
    if (here < 0) return 'again';
    index = here - 1;
  }
  return tail.start;
}

/**
 * Finds the last lines from the entries of a log, which come one at a time, the last first. The position of a line is
 * that of its last entry, even if the line does not end there.
 */
class Tail {
  /** The beginning of the lines that were found so far. */
  start: Position;
  readonly #lines: number;
  readonly #streams = { stdout: new Stream(), stderr: new Stream() };
  #found = 0;
  #isEmpty = true;
  /** Bytes that were added since the last wanted entry. */
  #unwantedBytes = 0;

  constructor(lines: number, id: string) {
    this.#lines = lines;
    this.start = { id, offset: 0, unwanted: { stdout: 0, stderr: 0 } };
  }

  /** Adds an entry. Returns false if no entry before it is wanted. */
  add(id: string, { start, end, line }: LineWithOffset): boolean {
    if (this.#isEmpty) this.start = { ...this.start, offset: end };
    this.#isEmpty = false;
    const entry = parseEntry(line);
    this.#unwantedBytes += line.length;
    if (entry !== undefined && this.#isWanted(entry)) this.#beginAt(id, start);
    return this.#found < this.#lines || (this.#hasLineUnderWay && this.#unwantedBytes < maxUnwantedBytes);
  }

  #isWanted({ stream, endsLine }: ParsedEntry): boolean {
    const state = this.#streams[stream];
    if (endsLine || state.isEmpty) {
      state.isUnderWay = this.#found < this.#lines;
      if (state.isUnderWay) this.#found++;
    }
    state.isEmpty = false;
    if (!state.isUnderWay) state.unwanted++;
    return state.isUnderWay;
  }

  #beginAt(id: string, offset: number): void {
    const { stdout, stderr } = this.#streams;
    this.start = { id, offset, unwanted: { stdout: stdout.unwanted, stderr: stderr.unwanted } };
    this.#unwantedBytes = 0;
  }

  get #hasLineUnderWay(): boolean {
    return Object.values(this.#streams).some(({ isUnderWay }) => isUnderWay);
  }
}

class Stream {
  isEmpty = true;
  /** Whether entries before this one may be of the same line, and that line is wanted. */
  isUnderWay = false;
  unwanted = 0;
}

/** If the other stream wrote more than this between two entries of a line, its first entries are not searched for. */
const maxUnwantedBytes = 1024 * 1024;
