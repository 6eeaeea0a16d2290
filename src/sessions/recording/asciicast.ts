/**
 * asciicast v2, the format of a recorded session: a line of JSON for the header, and one for each event. See
 * https://docs.asciinema.org/manual/asciicast/v2/.
 */
import type { Size } from '../../os/console.js';

export interface CastHeader {
  size: Size;
  startedAt: Date;
  title: string;
  /** As one would type it into a shell. */
  command: string;
  /** `TERM` and `SHELL`, if they are set. */
  env: Readonly<Record<string, string>>;
}

/** Its methods return whole lines, or an empty string if there is nothing to write yet. */
export interface Cast {
  /** Output of the terminal. A character that is cut off waits for the bytes that complete it. */
  output(bytes: Uint8Array): string;
  /** Input, likewise. */
  input(bytes: Uint8Array): string;
  resize(size: Size): string;
  /** Characters that are still cut off. */
  end(): string;
}

export function formatHeader({ size, startedAt, title, command, env }: CastHeader): string {
  const timestamp = Math.floor(startedAt.getTime() / 1000);
  const { columns: width, rows: height } = size;
  return `${JSON.stringify({ version: 2, width, height, timestamp, title, command, env })}\n`;
}

/** @param now the time in milliseconds; it begins at 0, and never goes back */
export function createCast(now: () => number): Cast {
  const decoders = { o: newDecoder(), i: newDecoder() };
  const line = (kind: 'o' | 'i' | 'r', data: string): string => {
    if (data === '') return '';
    return `${JSON.stringify([Number((now() / 1000).toFixed(6)), kind, data])}\n`;
  };
  const decoded = (kind: 'o' | 'i', bytes: Uint8Array): string =>
    line(kind, decoders[kind].decode(bytes, { stream: true }));
  return {
    output: (bytes) => decoded('o', bytes),
    input: (bytes) => decoded('i', bytes),
    resize: ({ columns, rows }) => line('r', `${columns}x${rows}`),
    end: () => line('i', decoders.i.decode()) + line('o', decoders.o.decode()),
  };
}

/** Bytes that are no UTF-8 become U+FFFD. A byte order mark is kept. */
function newDecoder(): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true });
}
