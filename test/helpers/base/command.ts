/** Runs a program to its end, or starts it, and returns its output. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { within } from './wait-for.js';

export interface CommandResult {
  stdout: string;
  stderr: string;
  /** The exit status, or the name of the signal that ended it. */
  status: number | NodeJS.Signals;
}

export interface CommandOptions extends SpawnOptions {
  /** Written to its stdin, which then ends. Without it stdin is /dev/null. */
  input?: string | Uint8Array;
  /** 20 seconds by default. */
  timeoutMs?: number;
}

/** Fails if the command takes too long, and kills it then. */
export async function runToEnd(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { input, timeoutMs = 20_000, ...rest } = options;
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'], ...rest });
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  try {
    return await within(outcomeOf(child), `the end of ${command.join(' ')}`, timeoutMs);
  } finally {
    child.kill('SIGKILL');
  }
}

/** What it printed, once it has ended. Ask before it ends. */
export async function outcomeOf(child: ChildProcess): Promise<CommandResult> {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    child.stdout === null ? '' : buffer(child.stdout).then(String),
    child.stderr === null ? '' : buffer(child.stderr).then(String),
    once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return { stdout, stderr, status: code ?? (signal as NodeJS.Signals) };
}
