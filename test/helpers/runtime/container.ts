/** A container that a runtime creates by its own commands, without `termshim run`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { becomeSubreaper } from '../../../src/os/process/subreaper.js';
import { type BundleOptions, makeBundle } from './bundle.js';
import { runToEnd } from '../base/command.js';
import { type RuntimeName, runtimeCommand } from './run-command.js';
import type { Testbed } from '../e2e/testbed.js';

export interface ContainerOptions {
  args: readonly string[];
  consoleSocket: string;
}

export interface Container {
  readonly id: string;
  readonly pid: number;
}

/** `create` and `start`. The console goes to the socket; the container is removed at the end of the test. */
export async function startContainer(
  runtime: RuntimeName,
  testbed: Testbed,
  { args, consoleSocket }: ContainerOptions,
): Promise<Container> {
  const { id, bundle } = prepareContainer(runtime, testbed, { args, terminal: true });
  const pidFile = testbed.path(`${id}.pid`);
  const create = ['create', '--bundle', bundle, '--console-socket', consoleSocket, '--pid-file', pidFile, id];
  await callRuntime(runtime, testbed, create);
  await callRuntime(runtime, testbed, ['start', id]);
  return { id, pid: Number(readFileSync(pidFile, 'utf8')) };
}

/**
 * A bundle and an id; whatever is made of them is removed at the end of the test. The runtime leaves the container's init
 * to us, so that `delete` finds it gone at once: the init of the machine may take seconds to reap it.
 */
export function prepareContainer(
  runtime: RuntimeName,
  testbed: Testbed,
  options: Omit<BundleOptions, 'isHost'>,
): { id: string; bundle: string } {
  becomeSubreaper();
  const id = testbed.newId();
  testbed.after(() => runToEnd(runtimeCommand(runtime, ['delete', '--force', id]), { env: testbed.env }));
  return { id, bundle: makeBundle(testbed, { ...options, isHost: runtime === 'pty' }) };
}

/** Runs one command of the runtime, which must succeed. A container inherits nothing that the test waits for. */
export async function callRuntime(runtime: RuntimeName, testbed: Testbed, args: readonly string[]): Promise<void> {
  const command = runtimeCommand(runtime, args);
  const { status } = await runToEnd(command, { env: testbed.env, stdio: ['ignore', 'inherit', 'inherit'] });
  assert.equal(status, 0, `${command.join(' ')} failed`);
}
