/**
 * The position of a reader in a log, which goes on from file to file while they are rotated: every entry once, in
 * order.
 *
 * A rotation renames files, and a compressed file is another file. So the open file holds the position, and, if that is
 * not enough, the mark.
 */
import { type ParsedEntry, parseEntry } from '../entry.js';
import { ReadAhead } from './read-ahead.js';
import type { ReadableFile } from './readable-file.js';
import { type FoundFile, findNewest, openFound } from './files.js';
import { LineCutter, blockBytes } from './lines.js';
import { type Mark, isMarkIn, markBefore, markOf } from './mark.js';
import type { LogStart } from './beginning.js';
import { openCopy } from './newer.js';

/** A fast writer fills a megabyte in about this time. */
const lookMs = 10;

export class LogCursor implements Disposable {
  readonly #path: string;
  readonly #block = Buffer.alloc(blockBytes);
  readonly #lines = new LineCutter();
  readonly #ahead: ReadAhead;
  #file: ReadableFile;
  #offset: number;
  #mark: Mark | undefined;
  #lookedAt = performance.now();
  #isLeaving = false;
  /** Whether the file, as far as it was read, ends in the middle of a line. */
  #hasRest = false;
  #brokenLines = 0;

  private constructor(path: string, file: ReadableFile, offset: number, mark: Mark | undefined, onGap: () => void) {
    this.#path = path;
    this.#ahead = new ReadAhead(path, onGap);
    this.#file = file;
    this.#offset = offset;
    this.#mark = mark;
  }

  /**
   * Takes over the file.
   *
   * @param onGap called when files may have been removed before they were read
   */
  static async open(path: string, { file, offset }: LogStart, onGap: () => void): Promise<LogCursor> {
    try {
      return new LogCursor(path, file, offset, await markBefore(file, offset), onGap);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** The file that is read. */
  get fileId(): string {
    return this.#file.id;
  }

  /** How many lines so far were not entries: broken, or cut off by the end of their file. */
  get brokenLines(): number {
    return this.#brokenLines;
  }

  /**
   * The entries in the next block; there may be none. Undefined at the end of the file, or if the file was truncated.
   * Their bytes are valid until the next call.
   *
   * @param end the offset at which to stop
   */
  async read(end = Number.POSITIVE_INFINITY): Promise<ParsedEntry[] | undefined> {
    await this.#lookAhead();
    const room = this.#block.subarray(0, Math.max(0, Math.min(blockBytes, end - this.#offset)));
    const found = await this.#file.read(room, this.#offset);
    // Checked after the read: just before it, the file may have been truncated and written again.
    const bytes = (await this.#isAtPosition()) ? found : 0;
    const lines = this.#lines.cut(room.subarray(0, bytes));
    const isAtEnd = lines.length === 0 && bytes < blockBytes;
    this.#offset += bytes;
    // Only a line that is longer than a block is held: the next writer may cut off an unfinished line.
    if (isAtEnd || lines.length > 0) this.#goBackToLine();
    const entries = lines.map((line) => parseEntry(line)).filter((entry) => entry !== undefined);
    this.#brokenLines += lines.length - entries.length;
    const last = lines.at(-1);
    if (last !== undefined) this.#mark = markOf(this.#file, last, this.#offset);
    return isAtEnd ? undefined : entries;
  }

  /**
   * Call it at the end of the file: moves to the next one. Returns whether to read on. Stays with a renamed file until
   * the writer has written to the next one: until then it may write to the renamed one.
   */
  async advance(): Promise<boolean> {
    if (!(await this.#isAtPosition())) {
      await this.#findPosition();
      return true;
    }
    if (findNewest(this.#path)?.id === this.#file.id) return false;
    const newer = await this.#ahead.look(this.#file, this.#mark);
    if (newer.every(({ isEmpty }) => isEmpty) && this.#ahead.isEmpty) return false;
    // Reads this file to its end once more: the writer may have written to it after the last read.
    if (this.#isLeaving) this.#leave(newer[0]);
    else this.#isLeaving = true;
    return true;
  }

  /** Call it at the end of the log: an unfinished last line counts as broken. */
  end(): void {
    if (this.#hasRest) this.#brokenLines++;
    this.#hasRest = false;
  }

  /** Idempotent. */
  close(): void {
    this.#file.close();
    this.#ahead.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Opens newer files from time to time: a rotation may remove them while this file is read. */
  async #lookAhead(): Promise<void> {
    if (performance.now() - this.#lookedAt < lookMs) return;
    await this.#ahead.look(this.#file, this.#mark);
    this.#lookedAt = performance.now();
  }

  async #isAtPosition(): Promise<boolean> {
    if (this.#mark?.id === this.#file.id && !(await isMarkIn(this.#mark, this.#file))) return false;
    return (await this.#file.size()) >= this.#offset;
  }

  /** Moves back to the beginning of the unfinished line. */
  #goBackToLine(): void {
    this.#hasRest = this.#lines.heldBytes > 0;
    this.#offset -= this.#lines.heldBytes;
    this.#lines.clear();
  }

  /** The file was truncated. If there is a copy of it, goes on there; else its unread part is lost. */
  async #findPosition(): Promise<void> {
    const copy = this.#mark && (await openCopy(this.#path, this.#mark));
    if (copy !== undefined && this.#mark !== undefined) {
      this.#mark = { ...this.#mark, id: copy.id };
      // The files that were read ahead are newer than the file, but not all files that are newer than the copy.
      this.#ahead.close();
      this.#moveTo(copy, this.#mark.start + this.#mark.line.length);
    } else {
      this.end();
      this.#offset = 0;
      // The line is in no file, but its time still tells which files are older.
      this.#mark = this.#mark && { ...this.#mark, id: '' };
    }
  }

  /** Moves to the next file that is held, or else to the found one. */
  #leave(found: FoundFile | undefined): void {
    const next = this.#ahead.take() ?? (found && openFound(found));
    if (next === undefined) return;
    this.end();
    this.#moveTo(next, 0);
  }

  #moveTo(file: ReadableFile, offset: number): void {
    this.#file.close();
    this.#file = file;
    this.#offset = offset;
    this.#isLeaving = false;
  }
}
