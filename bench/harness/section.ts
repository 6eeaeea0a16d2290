/** A table of the benchmark: peers that can be compared with one another, and the rows that compare them. */
import type { Report } from './report.js';

export interface Section {
  /** The peer that the ratios are to. */
  readonly limit: string;
  readonly peers: readonly { readonly name: string; readonly remark?: string }[];
  /** Why nothing of it can be measured on this machine. */
  readonly obstacle?: string | undefined;
  /** By the names that `--rows` has. */
  readonly rows: Readonly<Record<string, (run: Run) => Promise<void>>>;
}

export interface Run {
  readonly report: Report;
  /** A smoke test: it runs everything, and its figures mean nothing. */
  readonly isQuick: boolean;
}
