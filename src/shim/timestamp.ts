import type { Timestamp } from '../ttrpc/gen/google/protobuf/timestamp.js';

export function toTimestamp(date: Date): Timestamp {
  const ms = date.getTime();
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}
