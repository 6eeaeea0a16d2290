/** Cuts a file that is read in blocks, forwards or backwards, into lines. */
import type { ReadableFile } from './readable-file.js';

/** A longer line is not an entry: writers make parts of 16 KiB, and another file must not take all memory. */
export const maxLineBytes = 16 * 1024 * 1024;

/** A whole entry of a part of 16 KiB fits in, even if every byte is escaped. */
export const blockBytes = 128 * 1024;

/** Stands for a line that is too long. It is not an entry either. */
const tooLong = Buffer.from('\n');

const newline = 10;

/** Cuts blocks into lines. */
export class LineCutter {
  #held: Buffer[] = [];
  #heldBytes = 0;

  /** Bytes since the last newline. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Returns the lines that end in this block, each with its newline. They may be views of the block. */
  cut(block: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = block.indexOf(newline); end >= 0; end = block.indexOf(newline, start)) {
      const line = block.subarray(start, end + 1);
      lines.push(this.#heldBytes === 0 ? line : this.#finish(line));
      start = end + 1;
    }
    if (start < block.length) this.#hold(block.subarray(start));
    return lines;
  }

  /** Drops the held bytes. */
  clear(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  #hold(bytes: Buffer): void {
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > maxLineBytes) this.#held = [];
    else this.#held.push(Buffer.from(bytes));
  }

  #finish(end: Buffer): Buffer {
    const isTooLong = this.#heldBytes + end.length > maxLineBytes;
    const line = isTooLong ? tooLong : Buffer.concat([...this.#held, end]);
    this.clear();
    return line;
  }
}

export interface LineWithOffset {
  /** Its offset in the file. */
  start: number;
  /** The offset of the next line. */
  end: number;
  /** With its newline. */
  line: Buffer;
}

/**
 * Yields the lines before `end`, the last first, some at a time. Bytes after the last newline are no line. Ends early
 * if the file has become shorter meanwhile.
 */
export async function* linesBackwards(file: ReadableFile, end: number): AsyncGenerator<LineWithOffset[]> {
  const cutter = new BackwardCutter();
  for (let blockEnd = end; blockEnd > 0; ) {
    const blockStart = Math.max(0, blockEnd - blockBytes);
    const block = Buffer.alloc(blockEnd - blockStart);
    if ((await file.read(block, blockStart)) < block.length) return;
    yield cutter.cut(block, blockStart);
    blockEnd = blockStart;
  }
}

/** Cuts blocks into lines, the last block first. */
class BackwardCutter {
  /** The known parts of the line whose newline was seen last. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** The offset of that line's end. */
  #end: number | undefined;

  cut(block: Buffer, blockStart: number): LineWithOffset[] {
    const lines: LineWithOffset[] = [];
    let lineEnd = block.length;
    for (let last = lineEnd - 1; last >= 0; last = lineEnd - 2) {
      const newlineAt = block.lastIndexOf(newline, last);
      if (newlineAt < 0) break;
      this.#finish(block.subarray(newlineAt + 1, lineEnd), blockStart + newlineAt + 1, lines);
      lineEnd = newlineAt + 1;
      this.#end = blockStart + lineEnd;
    }
    if (blockStart === 0) this.#finish(block.subarray(0, lineEnd), 0, lines);
    else if (this.#end !== undefined) this.#hold(block.subarray(0, lineEnd));
    return lines;
  }

  #finish(beginning: Buffer, start: number, lines: LineWithOffset[]): void {
    if (this.#end === undefined) return;
    this.#hold(beginning);
    const isTooLong = this.#heldBytes > maxLineBytes;
    lines.push({ start, end: this.#end, line: isTooLong ? tooLong : Buffer.concat(this.#held) });
    this.#held = [];
    this.#heldBytes = 0;
  }

  #hold(bytes: Buffer): void {
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > maxLineBytes) this.#held = [];
    else this.#held.unshift(bytes);
  }
}
