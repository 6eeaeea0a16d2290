/** Formats output for scripts. */
import { printableJson } from '../../errors/printable.js';
import type { Timestamp } from '../../ttrpc/gen/google/protobuf/timestamp.js';

/**
 * One line of JSON. In a protobuf message, the names of fields are in camelCase, a Timestamp is ISO 8601, a field of 64
 * bits is a number (a count of bytes is exact up to 8 PiB), and an absent field is null, so every key is present.
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
