/** Runs a program of test/fixtures in a process of its own. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/${name}.js`, import.meta.url));
}

export function startFixture(name: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  return spawn(process.execPath, [fixturePath(name), ...args], { stdio: [...stdio], timeout: 30_000, ...options });
}

export interface FixtureOutcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Runs it to its end, which comes by force after 30 s. */
export async function runFixture(
  name: string,
  args: readonly string[] = [],
  options: SpawnOptions = {},
): Promise<FixtureOutcome> {
  const child = startFixture(name, args, options);
  const [stdout, stderr, [code, signal]] = await Promise.all([
    child.stdout === null ? '' : text(child.stdout),
    child.stderr === null ? '' : text(child.stderr),
    once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return { code, signal, stdout, stderr };
}
