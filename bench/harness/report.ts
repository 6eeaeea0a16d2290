/** What was measured: lines of samples by peer, and what has to be said about them. */
import { ratio, summarize } from './stats.js';

export interface Line {
  title: string;
  unit: string;
  /** By the name of the peer, in the order of the rounds. */
  samples: Map<string, number[]>;
}

export interface Report {
  readonly lines: readonly Line[];
  readonly notes: readonly string[];
  add(title: string, unit: string, peer: string, value: number): void;
  /** The same note is kept once. */
  note(text: string): void;
}

export function createReport(): Report {
  const lines: Line[] = [];
  const notes = new Set<string>();
  return {
    lines,
    get notes() {
      return [...notes];
    },
    add(title, unit, peer, value) {
      let line = lines.find((candidate) => candidate.title === title);
      if (line === undefined) lines.push((line = { title, unit, samples: new Map() }));
      const samples = line.samples.get(peer) ?? [];
      line.samples.set(peer, [...samples, value]);
    },
    note(text) {
      notes.add(text);
    },
  };
}

/** For machines: every sample, and what the table shows. */
export function toJson({ lines, notes }: Report, limit: string): object {
  return {
    lines: lines.map(({ title, unit, samples }) => ({
      title,
      unit,
      peers: Object.fromEntries(
        [...samples].map(([peer, values]) => [
          peer,
          { ...summarize(values), ratio: ratio(values, samples.get(limit) ?? []), samples: values },
        ]),
      ),
    })),
    notes,
  };
}
