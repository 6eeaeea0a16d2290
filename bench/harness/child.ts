/** Child processes of the harness: none outlives it. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export type Child = ChildProcessByStdio<null, Readable, null>;

/** A program of build/bench/. */
export function builtProgram(name: string): string {
  return fileURLToPath(new URL(`../../../build/bench/${name}`, import.meta.url));
}

const running = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function start(command: readonly string[]): Child {
  const [program = '', ...args] = command;
  /* This variable makes Node 20 read certificates at its start, which no other peer has to pay. */
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  running.add(child);
  /* Who waits for the child learns of it as well. */
  child.once('error', () => running.delete(child));
  child.once('close', () => running.delete(child));
  return child;
}

/** Starts a program and waits for the line `ready`. */
export async function startReady(command: readonly string[]): Promise<Child> {
  const child = start(command);
  const failed = once(child, 'close').then(() => Promise.reject(new Error(`${command.join(' ')} ended early`)));
  const ready = once(child.stdout, 'data');
  await Promise.race([ready, failed]);
  failed.catch(() => undefined);
  return child;
}

/** Runs a program to its end and parses the line of JSON that it prints. */
export async function runJson(command: readonly string[]): Promise<Record<string, number>> {
  const child = start(command);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(child, 'close');
  if (text === '') throw new Error(`${command.join(' ')} said nothing`);
  return JSON.parse(text) as Record<string, number>;
}

/** Ends a child and waits for it. */
export async function stop(child: Child, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill(signal);
  await closed;
}

/** Looks every 2 ms. Fails after 10 s, with `what` was waited for. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`no ${what} within 10 s`);
    await delay(2);
  }
}
