/**
 * Our place in a log, which goes on from file to file while they are rotated: every entry once, in order.
 *
 * What a file is called changes, and a compressed one is another file. So the open file holds the place, and, where that
 * is not enough, the mark.
 */
import { type ParsedEntry, parseEntry } from './read-entry.js';
import type { ReadableFile } from './read-file.js';
import { findNewest, openFound } from './read-files.js';
import { LineCutter, blockBytes } from './read-lines.js';
import { type Mark, isMarkIn, markBefore, markOf } from './read-mark.js';
import type { LogStart } from './read-beginning.js';
import { type ReadSoFar, findNewer, openCopy } from './read-newer.js';
import { parseTime } from './read-time.js';

export class LogCursor implements AsyncDisposable {
  readonly #path: string;
  readonly #block = Buffer.alloc(blockBytes);
  readonly #lines = new LineCutter();
  #file: ReadableFile;
  #offset: number;
  #mark: Mark | undefined;
  #lastTime: string | undefined;
  #isLeaving = false;
  /** The file ends in the middle of a line, as far as was seen. */
  #hasRest = false;
  #brokenLines = 0;

  private constructor(path: string, file: ReadableFile, offset: number, mark: Mark | undefined) {
    this.#path = path;
    this.#file = file;
    this.#offset = offset;
    this.#mark = mark;
    this.#lastTime = mark && parseEntry(mark.line)?.time;
  }

  /** Takes over the file. */
  static async open(path: string, { file, offset }: LogStart): Promise<LogCursor> {
    try {
      return new LogCursor(path, file, offset, await markBefore(file, offset));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The file that is read. */
  get fileId(): string {
    return this.#file.id;
  }

  /** Lines so far that were no entries: broken, or cut off by the end of their file. */
  get brokenLines(): number {
    return this.#brokenLines;
  }

  /**
   * The entries in the next block; there may be none. Undefined at the end of the file, or where it is no longer the same.
   * Their bytes are valid until the next call.
   *
   * @param end where to stop in the file
   */
  async read(end = Number.POSITIVE_INFINITY): Promise<ParsedEntry[] | undefined> {
    const room = this.#block.subarray(0, Math.max(0, Math.min(blockBytes, end - this.#offset)));
    const found = await this.#file.read(room, this.#offset);
    // Asked after the read: it may have been cut off, and written to anew, just before.
    const bytes = (await this.#isInPlace()) ? found : 0;
    const lines = this.#lines.cut(room.subarray(0, bytes));
    const isAtEnd = lines.length === 0 && bytes < blockBytes;
    this.#offset += bytes;
    // Only a line that is longer than a block is held: the next writer may cut off what is not finished.
    if (isAtEnd || lines.length > 0) this.#goBackToLine();
    const entries = lines.map((line) => parseEntry(line)).filter((entry) => entry !== undefined);
    this.#brokenLines += lines.length - entries.length;
    this.#lastTime = entries.at(-1)?.time ?? this.#lastTime;
    const last = lines.at(-1);
    if (last !== undefined) this.#mark = markOf(this.#file, last, this.#offset);
    return isAtEnd ? undefined : entries;
  }

  /**
   * At the end of the file, goes on to what follows. False if nothing does. A file that was renamed is stayed with until
   * the writer has begun with the next: up to then it may write to this one.
   */
  async advance(): Promise<boolean> {
    if (!(await this.#isInPlace())) {
      await this.#findPlace();
      return true;
    }
    if ((await findNewest(this.#path))?.id === this.#file.id) return false;
    const newer = await findNewer(this.#path, this.#soFar);
    const [next] = newer;
    if (next === undefined || newer.every(({ isEmpty }) => isEmpty)) return false;
    if (!this.#isLeaving) {
      // Once more to the end of this one: the writer may have gone on with it after our last read.
      this.#isLeaving = true;
      return true;
    }
    const file = await openFound(next);
    if (file !== undefined) {
      this.end();
      await this.#moveTo(file, 0);
    }
    return true;
  }

  /** No more will come: what is left of a line is none. */
  end(): void {
    if (this.#hasRest) this.#brokenLines++;
    this.#hasRest = false;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #isInPlace(): Promise<boolean> {
    if (this.#mark?.id === this.#file.id && !(await isMarkIn(this.#mark, this.#file))) return false;
    return (await this.#file.size()) >= this.#offset;
  }

  /** To where the line under way begins. */
  #goBackToLine(): void {
    this.#hasRest = this.#lines.heldBytes > 0;
    this.#offset -= this.#lines.heldBytes;
    this.#lines.clear();
  }

  /** The file was cut off. Whoever did that may have made a copy; else what was not read of it is lost. */
  async #findPlace(): Promise<void> {
    const copy = await openCopy(this.#path, this.#soFar);
    if (copy !== undefined && this.#mark !== undefined) {
      this.#mark = { ...this.#mark, id: copy.id };
      await this.#moveTo(copy, this.#mark.start + this.#mark.line.length);
    } else {
      this.end();
      this.#offset = 0;
      this.#mark = undefined;
    }
  }

  async #moveTo(file: ReadableFile, offset: number): Promise<void> {
    const left = this.#file;
    this.#file = file;
    this.#offset = offset;
    this.#isLeaving = false;
    await left.close();
  }

  get #soFar(): ReadSoFar {
    const lastTime = this.#lastTime === undefined ? undefined : parseTime(this.#lastTime);
    return { id: this.#file.id, mark: this.#mark, lastTime };
  }
}
