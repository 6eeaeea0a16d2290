/** Times of a log, in nanoseconds since the epoch: a number of JavaScript has no room for them. */
import { durationMs } from '../async/duration.js';

const rfc3339 = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)?)?$/;

/** Of RFC 3339. Without a zone it is the local time, without a time of day midnight. Undefined for anything else. */
export function parseTime(text: string): bigint | undefined {
  const [matched, date, time = '00:00:00', fraction = '', zone = ''] = rfc3339.exec(text) ?? [];
  const milliseconds = matched === undefined ? Number.NaN : Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(milliseconds) ? undefined : BigInt(milliseconds) * 1_000_000n + nanoseconds(fraction);
}

/**
 * As `docker logs --since` takes it: RFC 3339, seconds since the epoch, or a duration before `now`, such as 10m.
 *
 * @param now in milliseconds since the epoch
 */
export function parseSince(text: string, now: number): bigint | undefined {
  const [matched, seconds = '', fraction = ''] = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  if (matched !== undefined) return BigInt(seconds) * 1_000_000_000n + nanoseconds(fraction);
  const duration = durationMs(text);
  return duration === undefined ? parseTime(text) : BigInt(Math.round(now - duration)) * 1_000_000n;
}

function nanoseconds(fraction: string): bigint {
  return BigInt(fraction.padEnd(9, '0'));
}
