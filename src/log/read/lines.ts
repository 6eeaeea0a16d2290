/** Lines of a file whose bytes come in blocks, from the beginning or from the end. */
import type { ReadableFile } from './readable-file.js';

/** An entry that is longer is none: writers make parts of 16 KiB, and who does not is not let have all the memory. */
export const maxLineBytes = 16 * 1024 * 1024;

/** Whole entries of a writer that makes parts fit in, however much was escaped. */
export const blockBytes = 128 * 1024;

/** What comes out for a line that is too long. It is no entry either. */
const tooLong = Buffer.from('\n');

const newline = 10;

/** Cuts blocks into lines. */
export class LineCutter {
  #held: Buffer[] = [];
  #heldBytes = 0;

  /** Bytes since the last line end. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The lines that end in this block, each with its end. They may lie in it. */
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

  /** Forgets what is held. */
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
  /** Where it begins in the file. */
  start: number;
  /** Where the next one does. */
  end: number;
  /** With its end. */
  line: Buffer;
}

/**
 * The lines before `end`, the last first, some at a time. What follows the last line end is none. A file that has become
 * shorter meanwhile has no more.
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
  /** What is known of the line whose end was seen last. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Where that line ends in the file. */
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
