/** Does what may hang, as a look at a disk of others may, in a process of its own. */
import { spawn } from 'node:child_process';
import { TermshimError } from '../../errors/errors.js';
import { noDebugger } from './node-program.js';

export interface ElsewhereOptions {
  /** What is being done and to what, as in `read /etc/x.toml`. */
  attempted: string;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * What a script of Node writes to its stdout; it writes a reason to stderr and ends with 1 where it fails. A disk that does not
 * answer stops neither our threads nor those of libuv, which are few: the process that waits for it is killed, and forgotten if
 * that is too late. Throws ERR_SYSTEM with the reason, and that of the signal.
 */
export async function runElsewhere(
  script: string,
  args: readonly string[],
  options: ElsewhereOptions,
): Promise<Buffer> {
  const { attempted, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const argv = [noDebugger, '--no-warnings', '--input-type=commonjs', '-e', inWords(script), ...args];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/', env: noEnvironment });
  const [output, words] = [collect(child.stdout), collect(child.stderr)];
  const failed = (reason: string): TermshimError => new TermshimError('ERR_SYSTEM', `cannot ${attempted}: ${reason}`);
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
        else reject(failed(words().toString().trim() || `the process that looks there ended with status ${status}`));
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

function inWords(script: string): string {
  return `
const fs = require('fs');
try {
  ${script}
} catch (error) {
  fs.writeSync(2, error.message.split(', ')[0]);
  process.exitCode = 1;
}
`;
}

function collect(stream: NodeJS.ReadableStream): () => Buffer {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
  return () => Buffer.concat(chunks);
}
