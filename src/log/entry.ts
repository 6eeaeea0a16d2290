/**
 * Parses an entry of a log in either format: Docker's json-file, or CRI, which kubelet reads. The first byte says
 * which.
 *
 * ```
 * {"log":"hello\n","stream":"stdout","time":"2026-01-02T03:04:05.000000006Z"}
 * 2026-01-02T03:04:05.000000006Z stdout F hello
 * ```
 */
import type { LogStream } from './encoder.js';

/** An entry of a log. */
export interface ParsedEntry {
  stream: LogStream;
  /** RFC 3339, as it stands in the log. */
  time: string;
  /**
   * What the process wrote: a line with its newline, or a part of a line. May be a view of the memory that was parsed.
   */
  bytes: Buffer;
  /** Whether the line ends here; false if it continues in the next entry of its stream. */
  endsLine: boolean;
}

/** @param line with its `\n`. Undefined if it is not an entry. */
export function parseEntry(line: Buffer): ParsedEntry | undefined {
  return line[0] === openingBrace ? parseJson(line) : parseCri(line);
}

const openingBrace = '{'.charCodeAt(0);

/** The object may have more fields, such as Docker's `attrs`. `log` has no `\n` if the line continues. */
function parseJson(line: Buffer): ParsedEntry | undefined {
  try {
    const { log, stream, time } = JSON.parse(line.toString()) as Record<string, unknown>;
    if (typeof log !== 'string' || typeof time !== 'string' || (stream !== 'stdout' && stream !== 'stderr')) {
      return undefined;
    }
    return { stream, time, bytes: Buffer.from(log), endsLine: log.endsWith('\n') };
  } catch {
    return undefined;
  }
}

/** The time, the stream, and tags separated by `:`. The first tag is F, or P if the line continues. */
const criHeader = /^(\d{4}-\d\d-\d\dT\S+) (stdout|stderr) ([FP])(?::\S*)? /;

/** Longer than any header. */
const maxHeaderBytes = 128;

function parseCri(line: Buffer): ParsedEntry | undefined {
  const [header, time, stream, tag] = criHeader.exec(line.toString('latin1', 0, maxHeaderBytes)) ?? [];
  if (header === undefined || time === undefined) return undefined;
  const endsLine = tag === 'F';
  const bytes = line.subarray(header.length, endsLine ? line.length : -1);
  return { stream: stream as LogStream, time, bytes, endsLine };
}
