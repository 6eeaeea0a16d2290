/** Reads a file of others where it may hang: in a process of its own. */
import { runElsewhere } from '../process/run-in-child.js';

export interface ReadElsewhereOptions {
  /** What lies behind them is not read; with `atEnd`, what lies before. */
  maxBytes: number;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  atEnd?: boolean | undefined;
  /** In milliseconds since 1970. A file that was last written before counts as none. */
  notBefore?: number | undefined;
}

/** The beginning of a regular file, or its end. Throws what `runElsewhere` throws. */
export function readElsewhere(path: string, options: ReadElsewhereOptions): Promise<Buffer> {
  const { maxBytes, timeoutMs, signal, atEnd = false, notBefore = 0 } = options;
  const args = [path, maxBytes, atEnd ? 1 : 0, notBefore].map(String);
  return runElsewhere(script, args, { attempted: `read ${path}`, timeoutMs, signal });
}

/** O_NONBLOCK: a FIFO without a writer is no file, and not waited for. */
const script = `
  const [path, ...numbers] = process.argv.slice(1);
  const [maxBytes, atEnd, notBefore] = numbers.map(Number);
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const found = fs.fstatSync(fd);
  if (!found.isFile()) throw new Error('it is no file');
  if (found.mtimeMs < notBefore) throw new Error('it is an older one');
  const from = atEnd ? Math.max(0, found.size - maxBytes) : 0;
  const bytes = Buffer.alloc(maxBytes);
  let length = 0;
  for (let got; length < maxBytes && (got = fs.readSync(fd, bytes, length, maxBytes - length, from + length)) > 0; ) length += got;
  fs.writeSync(1, bytes, 0, length);
`;
