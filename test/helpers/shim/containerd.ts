/** A containerd for one test, with its own directories, socket, log and namespace. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, runToEnd } from '../base/command.js';
import { containerdLeftovers } from './containerd-leftovers.js';
import type { Testbed } from '../e2e/testbed.js';
import { waitFor, within } from '../base/wait-for.js';

export interface Containerd {
  readonly address: string;
  readonly namespace: string;
  /** The directory of a container while it has a task. */
  bundleOf(id: string): string;
  /** The command line of ctr, for a human or a child process. */
  command(...args: string[]): string[];
  ctr(...args: string[]): Promise<CommandResult>;
  /** ctr must succeed; answers with its stdout. */
  ask(...args: string[]): Promise<string>;
  /** kill -9. What it has started lives on. */
  kill(): Promise<void>;
  /** After a kill: again, with the same directories. */
  start(): Promise<void>;
  /** What it and the shims logged. */
  log(): string;
}

export interface ContainerdOptions {
  /** By default one that nobody else has. */
  namespace?: string;
  /** What follows in its configuration, of this version; by default there is no cri, which wants a network. */
  configuration?: string;
  version?: 2 | 3;
}

/**
 * Stopped after the test, which removes its containers: one that is left then is a failure, and is removed. Shims inherit
 * the environment.
 */
export async function startContainerd(
  testbed: Testbed,
  env = testbed.env,
  { namespace = testbed.newId(), configuration = '', version = 2 }: ContainerdOptions = {},
): Promise<Containerd> {
  const state = testbed.path('containerd');
  const [address, log, config] = [`${state}.sock`, `${state}.log`, `${state}.toml`];
  writeFileSync(config, basicConfiguration(state, address, version, configuration));
  const command = (...args: string[]): string[] => ['ctr', '--address', address, '--namespace', namespace, ...args];
  const ctr = (...args: string[]): Promise<CommandResult> => runToEnd(command(...args), { env: testbed.env });
  const ask = async (...args: string[]): Promise<string> => {
    const { stdout, stderr, status } = await ctr(...args);
    assert.equal(status, 0, `ctr ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  let daemon: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const output = openSync(log, 'a');
    daemon = spawn('containerd', ['--config', config], { env, stdio: ['ignore', output, output] });
    closeSync(output);
    await waitFor(async () => (await ctr('version')).status === 0, 'containerd to answer');
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (daemon?.exitCode !== null || !daemon.kill(signal)) return;
    await within(once(daemon, 'exit'), 'the end of containerd');
  };
  const left: string[] = [];
  testbed.lookFor(containerdLeftovers({ testbed, namespace, address, state, left }));
  testbed.after(async () => {
    left.push(...(await removeAll(ask).catch((error: Error) => [error.message])));
    await end('SIGTERM').catch(() => end('SIGKILL'));
  });
  await start();
  return {
    address,
    namespace,
    bundleOf: (id) => join(state, 'io.containerd.runtime.v2.task', namespace, id),
    command,
    ctr,
    ask,
    kill: () => end('SIGKILL'),
    start,
    log: () => readFileSync(log, 'utf8'),
  };
}

/** No `opt`, which makes a directory in /opt. */
function basicConfiguration(state: string, address: string, version: number, more: string): string {
  const disabled = ['io.containerd.internal.v1.opt', ...(more === '' ? ['io.containerd.grpc.v1.cri'] : [])];
  return `version = ${version}
root = "${state}-root"
state = "${state}"
disabled_plugins = ${JSON.stringify(disabled)}
[grpc]
  address = "${address}"
[debug]
  level = "debug"
${more}`;
}

/** Removes the tasks and containers that are there, and says which. */
async function removeAll(ask: Containerd['ask']): Promise<string[]> {
  const namesOf = async (kind: string): Promise<string[]> => (await ask(kind, 'ls', '--quiet')).match(/\S+/g) ?? [];
  const [tasks, containers] = [await namesOf('tasks'), await namesOf('containers')];
  for (const id of tasks) await ask('tasks', 'rm', '--force', id);
  for (const id of containers) await ask('containers', 'rm', id);
  return [...tasks.map((id) => `task ${id}`), ...containers.map((id) => `container ${id} of containerd`)];
}
