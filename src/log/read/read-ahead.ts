/**
 * Holds the files open that are newer than the one that is read and older than the one that is written: a rotation may
 * remove them before a slow reader comes to them.
 */
import type { ReadableFile } from './readable-file.js';
import { type FoundFile, openFound } from './files.js';
import { type Mark, markBefore } from './mark.js';
import { findNewer } from './newer.js';

/** More files are not worth their descriptors, nor the disk space that they keep. */
const maxFiles = 100;

export class ReadAhead {
  readonly #path: string;
  readonly #onGap: () => void;
  #files: ReadableFile[] = [];

  /** @param onGap called when files may have been removed before they were seen */
  constructor(path: string, onGap: () => void) {
    this.#path = path;
    this.#onGap = onGap;
  }

  /**
   * Opens the files after the one that is read, but not the one that is written, which may still be copied and emptied.
   * Returns the newer files that are not held, the oldest first.
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

  /** Takes out the oldest file; the caller closes it. */
  take(): ReadableFile | undefined {
    return this.#files.shift();
  }

  /** Whether all files are empty. */
  get isEmpty(): boolean {
    return this.#files.every((file) => file.isEmpty);
  }

  /** The last line of all open files. */
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
