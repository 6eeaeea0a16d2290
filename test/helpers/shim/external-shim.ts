/** A testbed for `termshim --shim`, which also looks for what a shim leaves behind without containerd. */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { type CommandResult, runToEnd } from '../base/command.js';
import { findSockets } from './containerd-leftovers.js';
import { termshimCommand } from '../runtime/run-command.js';
import { type Testbed, openTestbed } from '../e2e/testbed.js';

export interface ExternalShimTestbed {
  testbed: Testbed;
  /** Runs a verb with the shim to its end. */
  ask(...args: readonly string[]): Promise<CommandResult>;
}

/** The arguments of `termshim` that run a shell script with a terminal, in the root filesystem of the testbed. */
export function runScript(testbed: Testbed, script: string): string[] {
  return ['run', '-it', '--name', testbed.newId(), '--rootfs', testbed.rootfs, '--', 'sh', '-c', script];
}

/** @param shim the path that TERMSHIM_SHIM has in the testbed's environment */
export function openExternalShimTestbed(t: TestContext, shim: string): ExternalShimTestbed {
  const testbed = openTestbed(t);
  testbed.env['TERMSHIM_SHIM'] = shim;
  const runcRoot = '/run/containerd/runc/termshim';
  const address = `${testbed.env['XDG_RUNTIME_DIR']}/termshim/shims/containerd.sock`;
  const sockets = (): string[] => findSockets({ testbed, namespace: 'termshim', address });
  const states = (): string[] => testbed.ids.filter((id) => existsSync(`${runcRoot}/${id}`));
  testbed.lookFor({
    find: () => [...sockets().map((path) => `socket ${path}`), ...states().map((id) => `container ${id}`)],
    remove() {
      for (const id of states()) spawnSync('runc', ['--root', runcRoot, 'delete', '--force', id]);
      for (const path of sockets()) rmSync(path, { force: true });
    },
  });
  return { testbed, ask: (...args) => runToEnd(termshimCommand(...args), { env: testbed.env }) };
}
