/** Runs work that may hang in a child process, such as access to a disk that may not answer. */
import { spawn } from 'node:child_process';
import { TermshimError } from '../../errors/errors.js';
import { noDebugger } from './node-program.js';

export interface ElsewhereOptions {
  /** The action and its object, such as `read /etc/x.toml`. */
  attempted: string;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * Runs a Node script in a child process and returns what it writes to stdout. So a disk that does not answer blocks
 * neither this thread nor one of libuv's few threads: after `timeoutMs` the child gets SIGKILL, and is not waited for,
 * since a process that is blocked in the kernel dies late. Throws ERR_SYSTEM with the script's error message, and the
 * signal's reason.
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
      timer = setTimeout(
        () => reject(failed(`the file system did not answer within ${timeoutMs / 1000} s`)),
        timeoutMs,
      );
      child.once('error', (error) => reject(failed(error.message)));
      child.once('close', (status) => {
        if (status === 0) resolve(output());
        else reject(failed(words().toString().trim() || `the helper process ended with status ${status}`));
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

/** Node adds this variable to a child's environment, unless `env` has the name. */
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
