/** Runs the termshim command as a user does. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { packageRoot } from '../../../src/package.js';

export const termshimProgram = join(packageRoot, 'bin/termshim');

export function startTermshim(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  return spawn(termshimProgram, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
}

export interface Outcome {
  stdout: string;
  stderr: string;
  /** The exit status, or the name of the signal that ended it. */
  status: number | NodeJS.Signals;
}

/** Runs it to its end. */
export async function termshim(args: readonly string[], options: SpawnOptions = {}): Promise<Outcome> {
  const child = startTermshim(args, options);
  const [stdout, stderr, [code, signal]] = await Promise.all([
    child.stdout === null ? '' : text(child.stdout),
    child.stderr === null ? '' : text(child.stderr),
    once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return { stdout, stderr, status: code ?? (signal as NodeJS.Signals) };
}
