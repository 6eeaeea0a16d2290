/**
 * The files between the one that is read and the one that is written, held open: rotation may remove them before a reader
 * comes to them that is slower than the writer.
 */
import type { ReadableFile } from './readable-file.js';
import { type FoundFile, openFound } from './files.js';
import { type Mark, markBefore } from './mark.js';
import { findNewer } from './newer.js';

/** More are not worth their descriptors, nor the room on the disk that they keep. */
const maxFiles = 100;

export class ReadAhead {
  readonly #path: string;
  readonly #onGap: () => void;
  #files: ReadableFile[] = [];

  /** @param onGap told when files may have been removed before they were seen */
  constructor(path: string, onGap: () => void) {
    this.#path = path;
    this.#onGap = onGap;
  }

  /**
   * Opens what has come after the file that is read, but not the file that is written: nobody has to hold that, and it may
   * yet be copied and emptied. Answers with those that are newer and not held, from the oldest on.
   *
   * @param mark the last line that was read
   */
  async look(current: ReadableFile, mark: Mark | undefined): Promise<FoundFile[]> {
    const { id } = this.#files.at(-1) ?? current;
    const { files, isGap } = await findNewer(this.#path, {
      id,
      mark: async () => (await this.#lastLine(current)) ?? mark,
    });
    for (const [index, found] of files.entries()) {
      const file = found.path === this.#path || this.#files.length >= maxFiles ? undefined : openFound(found);
      if (file === undefined) return files.slice(index);
      this.#files.push(file);
      if (index === 0 && isGap) this.#onGap();
    }
    return [];
  }

  /** The next one. Whoever takes it closes it. */
  take(): ReadableFile | undefined {
    return this.#files.shift();
  }

  /** Nothing is in any of them. */
  get isEmpty(): boolean {
    return this.#files.every((file) => file.isEmpty);
  }

  /** Of all that is open. */
  async #lastLine(current: ReadableFile): Promise<Mark | undefined> {
    for (const file of [current, ...this.#files].toReversed()) {
      const mark = await markBefore(file, await file.size());
      if (mark !== undefined) return mark;
    }
    return undefined;
  }

  /** Idempotent. */
  close(): void {
    for (const file of this.#files.splice(0)) file.close();
  }
}
