/** The shims that the tests compare, and the environment in which a daemon finds one. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../../src/runtime/find-program.js';
import type { Testbed } from '../e2e/testbed.js';

/** containerd's own, which is the measure. */
export const runcShimPath = findProgram('containerd-shim-runc-v2', process.env['PATH'] ?? '') ?? '';

/** An environment whose PATH has this shim under the name `containerd-shim-runc-v2`. */
export function environmentWithShim(testbed: Testbed, shim: string): NodeJS.ProcessEnv {
  const directory = testbed.path('shims');
  mkdirSync(directory);
  symlinkSync(shim, join(directory, 'containerd-shim-runc-v2'));
  return { ...testbed.env, PATH: `${directory}:${testbed.env['PATH']}` };
}

/** The pids of the long-lived processes of shims that the test has started. */
export function daemonsOf(testbed: Testbed): number[] {
  const isDaemon = /\/shim\/daemon\.cjs |-shim-\S+ -namespace /;
  return testbed.processes().flatMap(({ pid, commandLine }) => (isDaemon.test(commandLine) ? [pid] : []));
}
