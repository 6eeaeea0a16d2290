/** Reads a file of others where it may hang: in a process of its own. */
import { spawn } from 'node:child_process';
import { TermshimError } from './errors.js';
import { noDebugger } from './own-program.js';

export interface ReadElsewhereOptions {
  /** What lies behind them is not read. */
  maxBytes: number;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * The beginning of a regular file. A disk that does not answer stops neither our threads nor those of libuv, which are few:
 * the process that waits for it is killed, and forgotten if that is too late. Throws ERR_SYSTEM with the reason, and that of
 * the signal.
 */
export async function readElsewhere(path: string, options: ReadElsewhereOptions): Promise<Buffer> {
  const { maxBytes, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const args = [noDebugger, '--no-warnings', '--input-type=commonjs', '-e', script, path, String(maxBytes)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/', env: noEnvironment });
  const [output, words] = [collect(child.stdout), collect(child.stderr)];
  const failed = (reason: string): TermshimError => new TermshimError('ERR_SYSTEM', `cannot read ${path}: ${reason}`);
  let timer: NodeJS.Timeout | undefined;
  let giveUp = (): void => {};
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      giveUp = (): void => reject(signal?.reason);
      signal?.addEventListener('abort', giveUp);
      timer = setTimeout(() => reject(failed(`the disk has not answered within ${timeoutMs / 1000} s`)), timeoutMs);
      child.once('error', (error) => reject(failed(error.message)));
      child.once('close', (status) => {
        if (status === 0) resolve(output());
        else reject(failed(words().toString().trim() || `the reader has ended with ${status}`));
      });
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
    child.kill('SIGKILL');
    child.stdout.destroy();
    child.stderr.destroy();
    child.unref();
  }
}

/** Node passes this one on where nobody says a word of it. */
const noEnvironment: NodeJS.ProcessEnv = { NODE_V8_COVERAGE: undefined };

/** O_NONBLOCK: a FIFO without a writer is no file, and not waited for. */
const script = `
const fs = require('fs');
try {
  const fd = fs.openSync(process.argv[1], fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  if (!fs.fstatSync(fd).isFile()) throw new Error('it is no file');
  const bytes = Buffer.alloc(Number(process.argv[2]));
  let length = 0;
  for (let got; length < bytes.length && (got = fs.readSync(fd, bytes, length, bytes.length - length, null)) > 0; ) length += got;
  fs.writeSync(1, bytes, 0, length);
} catch (error) {
  fs.writeSync(2, error.message.split(', ')[0]);
  process.exitCode = 1;
}
`;

function collect(stream: NodeJS.ReadableStream): () => Buffer {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
  return () => Buffer.concat(chunks);
}
