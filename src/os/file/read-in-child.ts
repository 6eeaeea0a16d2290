/** Reads a file in a child process, because its disk may not answer. */
import { runElsewhere } from '../process/run-in-child.js';

export interface ReadElsewhereOptions {
  /** How many bytes to read at most: the first, or with `atEnd` the last. */
  maxBytes: number;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  atEnd?: boolean | undefined;
  /** In milliseconds since 1970. An error is thrown if the file was last written before that. */
  notBefore?: number | undefined;
}

/** Reads the beginning or the end of a regular file. Throws what `runElsewhere` throws. */
export function readElsewhere(path: string, options: ReadElsewhereOptions): Promise<Buffer> {
  const { maxBytes, timeoutMs, signal, atEnd = false, notBefore = 0 } = options;
  const args = [path, maxBytes, atEnd ? 1 : 0, notBefore].map(String);
  return runElsewhere(script, args, { attempted: `read ${path}`, timeoutMs, signal });
}

/** O_NONBLOCK: opening a FIFO does not wait for a writer; then the FIFO is refused. */
const script = `
  const [path, ...numbers] = process.argv.slice(1);
  const [maxBytes, atEnd, notBefore] = numbers.map(Number);
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const found = fs.fstatSync(fd);
  if (!found.isFile()) throw new Error('it is not a regular file');
  if (found.mtimeMs < notBefore) throw new Error('it was written before this call');
  const from = atEnd ? Math.max(0, found.size - maxBytes) : 0;
  const bytes = Buffer.alloc(maxBytes);
  let length = 0;
  for (let got; length < maxBytes && (got = fs.readSync(fd, bytes, length, maxBytes - length, from + length)) > 0; ) length += got;
  fs.writeSync(1, bytes, 0, length);
`;
