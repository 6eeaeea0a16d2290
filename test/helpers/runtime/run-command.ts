/** The command lines of each runtime, and of `termshim run` with it, so that one test can run with all of them. */
import { crunCommand } from './crun-command.js';
import { ptyRuntimeProgram } from './fake-runtime.js';
import { missing } from '../base/requirement.js';
import type { Testbed } from '../e2e/testbed.js';
import { termshimProgram } from '../e2e/termshim.js';

export const runtimeNames = ['runc', 'crun', 'pty'] as const;
export type RuntimeName = (typeof runtimeNames)[number];

/** For the `skip` option of a test. The pty runtime needs nothing. */
export function missingFor(runtime: RuntimeName): string | false {
  return runtime === 'pty' ? false : missing('root', 'busybox', runtime);
}

export interface RunCommandOptions {
  /** Such as `-it`. */
  flags?: readonly string[];
  /** By default a new one. */
  id?: string;
  /** What is run; not with a bundle. */
  command?: readonly string[];
  bundle?: string;
}

/** Program and arguments. Containers have a root filesystem with busybox; the pty runtime has this host. */
export function runCommand(runtime: RuntimeName, testbed: Testbed, options: RunCommandOptions): string[] {
  const { flags = [], id = testbed.newId(), command = [], bundle } = options;
  const rootfs = runtime === 'pty' ? [] : ['--rootfs', testbed.rootfs];
  const place = bundle === undefined ? rootfs : ['--bundle', bundle];
  const termshim = [termshimProgram, 'run', ...flags, '--runtime', runtime, '--name', id, ...place];
  const all = [...termshim, '--', ...command];
  return runtime === 'crun' ? crunCommand(all) : all;
}

/** Another verb, for a container that `runCommand` has started. */
export function termshimCommand(...args: readonly string[]): string[] {
  return [termshimProgram, ...args];
}

/** A call of the runtime itself. */
export function runtimeCommand(runtime: RuntimeName, args: readonly string[]): string[] {
  if (runtime === 'pty') return [ptyRuntimeProgram, ...args];
  return runtime === 'crun' ? crunCommand([runtime, ...args]) : [runtime, ...args];
}
