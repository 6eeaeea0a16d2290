/**
 * Asks a runtime for its features: `RUNTIME features`, which runc has from 1.1 on; crun 1.8 has none, crun 1.21 has.
 * The answer is JSON: https://github.com/opencontainers/runtime-spec/blob/main/features.md.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseJson } from '../os/file/json.js';
import { messageOf, TermshimError } from '../errors/errors.js';
import type { RuntimeProgram } from './find-runtime.js';

export interface FeaturesLimits {
  timeoutMs: number;
  maxBytes: number;
}

/** runc takes 30 ms and prints 5 KB. */
const defaultLimits: FeaturesLimits = { timeoutMs: 10_000, maxBytes: 2 ** 20 };

/**
 * Returns the JSON object that the runtime prints. Throws ERR_RUNTIME_FAILED if the runtime does not know the command
 * or prints anything else, and ERR_RUNTIME_TIMEOUT. In every case its process group is killed, so that a script around
 * a runtime leaves no process.
 */
export async function readFeatures(runtime: RuntimeProgram, limits = defaultLimits): Promise<object> {
  const [program = '', ...leading] = runtime.command;
  // stdout is a pipe, unlike that of the other commands: no container is created that could inherit it.
  const child = spawn(program, [...leading, 'features'], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    stop(child);
  }, limits.timeoutMs);
  try {
    const ended = once(child, 'exit').finally(() => killGroup(child)) as Promise<
      [number | null, NodeJS.Signals | null]
    >;
    const [[status, signal], output] = await Promise.all([ended, collect(child, limits.maxBytes)]);
    if (status !== 0) throw new Error(`exit status ${status ?? signal}`);
    return parseObject(output);
  } catch (error) {
    const { code, reason } = isLate
      ? ({ code: 'ERR_RUNTIME_TIMEOUT', reason: `it did not end within ${limits.timeoutMs} ms` } as const)
      : ({ code: 'ERR_RUNTIME_FAILED', reason: messageOf(error) } as const);
    throw new TermshimError(code, `${runtime.name} features failed: ${reason}`, { cause: error });
  } finally {
    clearTimeout(timer);
    stop(child);
  }
}

type Features = ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> };

async function collect({ stdout }: Pick<Features, 'stdout'>, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdout as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new Error(`it printed more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parseObject(text: string): object {
  const features: unknown = parseJson(text);
  if (typeof features === 'object' && features !== null && !Array.isArray(features)) return features;
  throw new Error('it printed no JSON object');
}

function stop(child: Features): void {
  if (child.exitCode === null && child.signalCode === null) killGroup(child);
  child.stdout.destroy();
}

function killGroup({ pid }: Pick<Features, 'pid'>): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // The whole group has ended.
  }
}
