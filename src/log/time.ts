/** Times of a log, in nanoseconds since the epoch, as bigint: a number of JavaScript is not exact enough. */

const rfc3339 = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)?)?$/;

/** Parses RFC 3339. Without a zone it is local time, without a time of day midnight. Undefined for any other text. */
export function parseTime(text: string): bigint | undefined {
  const [matched, date, time = '00:00:00', fraction = '', zone = ''] = rfc3339.exec(text) ?? [];
  const milliseconds = matched === undefined ? Number.NaN : Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(milliseconds) ? undefined : BigInt(milliseconds) * 1_000_000n + nanoseconds(fraction);
}

/** The nanoseconds of the digits after the decimal point of a second. */
export function nanoseconds(fraction: string): bigint {
  return BigInt(fraction.padEnd(9, '0'));
}
