/** What scripts read. */
import { printableJson } from '../../errors/printable.js';
import type { Timestamp } from '../../ttrpc/gen/google/protobuf/timestamp.js';

/**
 * One line of JSON. A message of protobuf has the names of its fields in camelCase, ISO 8601 for a Timestamp, numbers
 * for those of 64 bits (a count of bytes is exact up to 8 PiB), and null for what is absent: every key is there.
 */
export function jsonLine(value: unknown): string {
  return `${printableJson(JSON.stringify(value, (_, field: unknown) => plain(field)))}\n`;
}

/** In milliseconds since the epoch. */
export function timeOf({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + nanos / 1e6;
}

function plain(field: unknown): unknown {
  if (field === undefined) return null;
  if (typeof field === 'bigint') return Number(field);
  return isTimestamp(field) ? new Date(timeOf(field)).toISOString() : field;
}

function isTimestamp(field: unknown): field is Timestamp {
  return typeof field === 'object' && field !== null && typeof (field as Timestamp).seconds === 'bigint';
}
