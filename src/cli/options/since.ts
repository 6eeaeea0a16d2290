/** The value of `termshim logs --since`. */
import { durationMs } from '../../client/duration.js';
import { nanoseconds, parseTime } from '../../log/time.js';

/**
 * Parses the values of `docker logs --since`: RFC 3339, seconds since the epoch, or a duration before `now`, such as
 * 10m. Returns nanoseconds since the epoch, or undefined for any other text.
 *
 * @param now in milliseconds since the epoch
 */
export function parseSince(text: string, now: number): bigint | undefined {
  const [matched, seconds = '', fraction = ''] = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  if (matched !== undefined) return BigInt(seconds) * 1_000_000_000n + nanoseconds(fraction);
  const duration = durationMs(text);
  return duration === undefined ? parseTime(text) : BigInt(Math.round(now - duration)) * 1_000_000n;
}
