/** Calls the shim as containerd does, in a namespace of its own. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../src/package.js';
import { type DaemonKey, socketPath } from '../../../src/shim/address.js';
import { type CommandOptions, type CommandResult, runToEnd } from '../base/command.js';
import type { Scope } from '../base/leak-free.js';
import { temporaryDirectory } from '../base/temporary-directory.js';

/** TERMSHIM_LAUNCHER names an instrumented build. */
export const shimPath = process.env['TERMSHIM_LAUNCHER'] ?? join(packageRoot, 'bin/containerd-shim-termshim-v2');

export const shimScript = join(packageRoot, 'dist/bundle/shim/main.cjs');

/** The environment in which the shim runs on the Node of this test, as by default it does. */
export const shimEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  TERMSHIM_GROUP: undefined,
  TERMSHIM_NODE: process.execPath,
};

export interface ShimCaller {
  /** Of a containerd that does not exist. */
  readonly address: string;
  readonly namespace: string;
  readonly directory: string;
  /** Where the daemon of a group listens. */
  socketOf(group?: string): string;
  /** The arguments before the verb. */
  argumentsFor(id: string): string[];
  /** A new bundle, with this config.json if there is one. */
  makeBundle(id: string, config?: string): string;
  /** Executes the shim in the bundle of `id`. */
  call(id: string, words: readonly string[], options?: ShimCallOptions): Promise<CommandResult>;
  /** The daemons that were started here and live. */
  daemons(): number[];
}

export interface ShimCallOptions extends CommandOptions {
  /** By default the launcher. */
  program?: readonly string[];
  /** Added to the environment; undefined takes a variable away. */
  environment?: NodeJS.ProcessEnv;
}

/** Afterwards daemons are killed, and sockets and bundles removed. */
export function shimCaller(scope: Scope): ShimCaller {
  const directory = temporaryDirectory(scope);
  const name = randomBytes(6).toString('hex');
  const key: Omit<DaemonKey, 'group'> = { address: `/run/${name}.sock`, namespace: `test-${name}` };
  const groups = new Set(['']);
  const caller: ShimCaller = {
    ...key,
    directory,
    socketOf(group = '') {
      groups.add(group);
      return socketPath({ ...key, group });
    },
    argumentsFor(id) {
      const { namespace, address } = key;
      return ['-namespace', namespace, '-address', address, '-publish-binary', '/usr/bin/containerd', '-id', id];
    },
    makeBundle(id, config) {
      const bundle = join(directory, id);
      mkdirSync(bundle, { recursive: true });
      if (config !== undefined) writeFileSync(join(bundle, 'config.json'), config);
      return bundle;
    },
    call(id, words, { program = [shimPath], environment = {}, ...options } = {}) {
      return runToEnd([...program, ...caller.argumentsFor(id), ...words], {
        cwd: caller.makeBundle(id),
        env: { ...shimEnvironment, ...environment },
        ...options,
      });
    },
    daemons: () => findDaemons(key.address),
  };
  scope.after(() => {
    for (const pid of caller.daemons()) process.kill(pid, 'SIGKILL');
    for (const group of groups) rmSync(socketPath({ ...key, group }), { recursive: true, force: true });
  });
  return caller;
}

/** Those that have the address of containerd on their command line. */
function findDaemons(address: string): number[] {
  const isOurs = (pid: string): boolean => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return words.includes(address) && words.some((word) => word.endsWith('/shim/daemon.cjs'));
    } catch {
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isOurs(name))
    .map(Number);
}
