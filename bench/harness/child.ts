/** Child processes of the harness: where they run, their files, and their end. None outlives it. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Placement } from './rounds.js';

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

const root = mkdtempSync(join(tmpdir(), 'bench-'));
let count = 0;

process.once('exit', () => rmSync(root, { recursive: true, force: true }));

/** A new, empty directory whose path is short enough for a socket. */
export function createScratch(): string {
  const path = join(root, `${++count}`);
  mkdirSync(path);
  return path;
}

/**
 * Where the processes of a round run.
 *
 * A round trip is four wake-ups, and one that crosses CPUs costs far more than the copying, the more so in a virtual
 * machine: whether the scheduler spreads the processes or not changes every figure tenfold. So beside `anywhere`, which
 * is what users have, there is `onOneCpu`: all of them on one CPU, and every other one kept busy, so that the kernel's
 * own worker for the pty stays there too. Its figures are the length of the code path, and repeat to a few percent.
 */
export const anywhere: Placement = { prefix: [] };

/** Runs `body` with all other CPUs busy. */
export async function onOneCpu<T>(body: (placement: Placement) => Promise<T>): Promise<T> {
  const [first = 0, ...others] = allowedCpus();
  const spinners: Child[] = [];
  try {
    for (const cpu of others) spinners.push(await startReady([...pin(cpu), builtProgram('program'), 'spin']));
    await delay(busyMs);
    return await body({ prefix: pin(first) });
  } finally {
    for (const spinner of spinners) await stop(spinner);
  }
}

/** Until the scheduler has seen that the CPUs are busy. */
const busyMs = 500;

function pin(cpu: number): string[] {
  return ['taskset', '--cpu-list', `${cpu}`];
}

/** From a list such as `0-3,8`. */
function allowedCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}
