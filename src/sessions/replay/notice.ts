/** Notices in a client's output. */

/**
 * For a client or a recording that was too slow. The output before it may end inside an escape sequence, or in any
 * colour: CAN ends the sequence, SGR the colour.
 */
export function skippedNotice(bytes: number): Uint8Array {
  return Buffer.from(`\x18\x1b[m\r\n[termshim: ${formatBytes(bytes)} of output skipped]\r\n`);
}

/** For a client of a session whose screen is no longer kept. */
export function screenLostNotice(reason: string): Uint8Array {
  return Buffer.from(`\x18\x1b[m\r\n[termshim: the screen is no longer kept: ${reason}]\r\n`);
}

/** As in `1.2 MB`. */
function formatBytes(bytes: number): string {
  const step = units.findIndex((_, at) => bytes < 999.5 * 1000 ** at);
  const unit = step < 0 ? units.length - 1 : step;
  const amount = bytes / 1000 ** unit;
  return `${unit > 0 && amount < 9.95 ? amount.toFixed(1) : amount.toFixed(0)} ${units[unit]}`;
}

const units = ['B', 'KB', 'MB', 'GB', 'TB'];
