/** A log on disk that can be rotated in the ways of log writers and logrotate. */
import {
  appendFileSync,
  copyFileSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';

export class WrittenLog {
  readonly path: string;
  readonly #maxFiles: number;
  /** Of `F.1`, `F.2` and so on. */
  #suffixes: ('' | '.gz')[] = [];

  constructor(path: string, maxFiles = 1000) {
    this.path = path;
    this.#maxFiles = maxFiles;
    this.append('');
  }

  append(text: string | Uint8Array): void {
    appendFileSync(this.path, text);
  }

  /** Takes so many bytes off the end, as a writer does that finds half an entry. */
  cutOff(bytes: number): void {
    truncateSync(this.path, statSync(this.path).size - bytes);
  }

  /** Empties it. Returns what was in it. */
  truncate(): string {
    const text = readFileSync(this.path, 'utf8');
    truncateSync(this.path);
    return text;
  }

  /** F becomes F.1. Returns what was in the file that is removed, if there are too many. */
  rotate(): string {
    const removed = this.#shift();
    renameSync(this.path, `${this.path}.1`);
    this.append('');
    return removed;
  }

  /** A copy of F becomes F.1, and F is emptied, as by logrotate's copytruncate. */
  copyAndTruncate(): string {
    const removed = this.#shift();
    copyFileSync(this.path, `${this.path}.1`);
    truncateSync(this.path);
    return removed;
  }

  /** Of the full files the newest that is not. It is there twice for a moment. */
  compress(): void {
    const index = this.#suffixes.indexOf('');
    if (index < 0) return;
    const plain = `${this.path}.${index + 1}`;
    writeFileSync(`${plain}.gz`, gzipSync(readFileSync(plain)));
    rmSync(plain);
    this.#suffixes[index] = '.gz';
  }

  #shift(): string {
    const names = this.#suffixes.map((suffix, i) => [
      `${this.path}.${i + 1}${suffix}`,
      `${this.path}.${i + 2}${suffix}`,
    ]);
    let removed = '';
    for (const [index, [name = '', next = '']] of [...names.entries()].toReversed()) {
      if (index + 2 < this.#maxFiles) {
        renameSync(name, next);
      } else {
        const bytes = readFileSync(name);
        removed = String(name.endsWith('.gz') ? gunzipSync(bytes) : bytes);
        rmSync(name);
      }
    }
    this.#suffixes = (['', ...this.#suffixes] as const).slice(0, this.#maxFiles - 1);
    return removed;
  }
}
