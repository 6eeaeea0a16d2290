/** The report as a Markdown table whose columns line up. */
import type { Line, Report } from './report.js';
import { ratio, summarize } from './stats.js';

/** A cell is `median xRATIO (quartile-quartile)`, with the ratio to the peer named `limit`; `-` where nothing is. */
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
