/**
 * Formats output for people: columns, bytes, times and command lines. Scripts get JSON.
 */
import { printable } from '../../errors/printable.js';
import { shellLine } from '../../runtime/shell-line.js';

export { printable, shorten } from '../../errors/printable.js';

/**
 * A table. Each column is as wide as its longest cell, and three spaces follow it, but none follow the last. Each line
 * ends with `\n`. Cells may have any text: it is made printable.
 */
export function table(raw: readonly (readonly string[])[]): string {
  const rows = raw.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd((widths[i] ?? 0) + gap))).join('');
  return rows.map((row) => `${line(row)}\n`).join('');
}

const gap = 3;

/** The text of a cell without a value. No cell is empty, so awk counts the columns correctly. */
export const none = '-';

/** Such as `512B`, `1.5KiB`, `64MiB`. */
export function formatBytes(bytes: bigint | number): string {
  let value = Number(bytes);
  let unit = 0;
  // A value that would be shown as 1024 is shown as 1 of the next unit.
  for (; value >= 1023.5 && unit < units.length - 1; unit++) value /= 1024;
  const digits = value < 9.95 && unit > 0 ? 1 : 0;
  return `${value.toFixed(digits).replace(/\.0$/, '')}${units[unit]}`;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** The two largest units: `45s`, `12m3s`, `5h20m`, `3d4h`. If the clock was set back, `0s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0s';
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => `${count}${unit}`).join('');
}

/** The command as it could be typed into a shell, on one line. */
export function formatCommand(words: readonly string[]): string {
  return printable(shellLine(words));
}
