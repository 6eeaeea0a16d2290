/** A container of the embedded pty runtime for one test. Every verb runs as a process of its own, as for a caller. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { writeBundle } from '../../../src/runtime/spec/default-spec.js';
import { findRuntime } from '../../../src/runtime/find-runtime.js';
import type { OciProcess } from '../../../src/runtime/spec/oci-spec.js';
import { type OciRuntime, ociRuntime } from '../../../src/runtime/oci-runtime.js';
import { adoptOrphans, reapOrphans } from '../orphans.js';
import { listenForConsole, type ReceivedConsole } from '../receive-console.js';

export interface Testbed {
  directory: string;
  root: string;
  runtime: OciRuntime;
  bundle: string;
  pidFile: string;
  /** A descriptor for the stdout and stderr of processes without a terminal, and what they wrote to it. */
  out: number;
  output: () => string;
}

/** A bundle with that process, and a state directory of its own. What is left in it is deleted after the test. */
export async function setUp(t: TestContext, process: Partial<OciProcess>): Promise<Testbed> {
  adoptOrphans();
  const directory = mkdtempSync(join(tmpdir(), 'termshim-test-'));
  const root = join(directory, 'root');
  const runtime = ociRuntime({ ...findRuntime('pty', { isBundleGiven: false }), root });
  const out = openSync(join(directory, 'out'), 'w');
  t.after(async () => {
    const left = existsSync(root) ? readdirSync(root) : [];
    for (const id of left) await runtime.delete(id, { force: true });
    reapOrphans();
    closeSync(out);
    rmSync(directory, { recursive: true, force: true });
  });
  const bundle = join(directory, 'bundle');
  const env = ['PATH=/usr/bin:/bin'];
  await writeBundle(bundle, { ociVersion: '1.0.2', process: { args: ['sh'], env, cwd: '/', ...process } });
  const output = (): string => readFileSync(join(directory, 'out'), 'utf8');
  return { directory, root, runtime, bundle, pidFile: join(directory, 'pid'), out, output };
}

/** Creates the container `c` with a terminal and receives its console. */
export async function createInTerminal(t: TestContext, testbed: Testbed): Promise<ReceivedConsole & { pid: number }> {
  consoleCount += 1;
  const receiver = listenForConsole(t, testbed.directory, `console-${consoleCount}.sock`);
  await testbed.runtime.create('c', { bundle: testbed.bundle, pidFile: testbed.pidFile, consoleSocket: receiver.path });
  return { ...(await receiver.receive()), pid: readPid(testbed.pidFile) };
}

let consoleCount = 0;

export function readPid(path: string): number {
  return Number(readFileSync(path, 'utf8'));
}

export async function statusOf(runtime: OciRuntime): Promise<string> {
  return (await runtime.state('c')).status;
}

/** Runs the program itself, for what the runtime room never asks of it. */
export async function command(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const [program = '', ...leading] = findRuntime('pty', { isBundleGiven: false }).command;
  const child = spawn(program, [...leading, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ]);
  return { status, stdout, stderr };
}

/** The error that a command of the runtime throws, with that message. */
export function failed(message: RegExp | string): { code: string; message: RegExp | string } {
  return { code: 'ERR_RUNTIME_FAILED', message };
}
