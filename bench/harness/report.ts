/** What was measured: lines of samples by peer, what has to be said about them, and the table that shows them. */

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

/** The machine is noisy, and a mean would follow its worst moment. */
export interface Summary {
  median: number;
  low: number;
  high: number;
}

/** The median and the quartiles of at least one sample. */
export function summarize(samples: readonly number[]): Summary {
  const sorted = samples.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

/**
 * The median of the ratios round by round: both of a round were measured one after the other, so that what disturbs the
 * machine for longer disturbs both. Undefined where the base is 0.
 */
export function ratio(samples: readonly number[], base: readonly number[]): number | undefined {
  const ratios = samples.map((sample, round) => sample / (base[round] ?? Number.NaN)).filter(Number.isFinite);
  return ratios.length === 0 ? undefined : summarize(ratios).median;
}

function quantile(sorted: readonly number[], fraction: number): number {
  const at = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/**
 * The report as a Markdown table whose columns line up. A cell is `median xRATIO (quartile-quartile)`, with the ratio to
 * the peer named `limit`; `-` if there is nothing.
 */
export function formatTable({ lines, notes }: Report, peers: readonly string[], limit: string): string {
  const rows = [
    ['', ...peers],
    ...lines.map((line) => [`${line.title}, ${line.unit}`, ...peers.map((peer) => formatCell(line, peer, limit))]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const [head = '', ...body] = rows.map((row) => formatRow(row, widths));
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  const legend = `Median of the rounds, xRATIO to ${limit}, (quartiles).`;
  return [head, rule, ...body, '', legend, ...notes.map((note) => `- ${note}`)].join('\n');
}

function formatRow(row: readonly string[], widths: readonly number[]): string {
  return `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
}

function formatCell({ samples }: Line, peer: string, limit: string): string {
  const values = samples.get(peer);
  if (values === undefined) return '-';
  const { median, low, high } = summarize(values);
  const times = peer === limit ? undefined : ratio(values, samples.get(limit) ?? []);
  const spread = values.length > 1 ? ` (${format(low)}-${format(high)})` : '';
  return `${format(median)}${times === undefined ? '' : ` x${times.toFixed(2)}`}${spread}`;
}

/** Three digits that matter. */
function format(value: number): string {
  const digits = Math.abs(value) >= 100 || value === 0 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}
