/** Writes fake runtimes that misbehave. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../src/package.js';
import type { Testbed } from '../e2e/testbed.js';

export const ptyRuntimeProgram = join(packageRoot, 'bin/termshim-runtime-pty');

/** Writes a shell script that can be run, and returns its path. */
export function writeProgram(testbed: Pick<Testbed, 'path'>, name: string, script: string): string {
  const path = testbed.path(name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

/**
 * The pty runtime, but with other scripts for some of its commands. A script that comes to its end is followed by the
 * real command.
 */
export function fakeRuntime(testbed: Pick<Testbed, 'path'>, scripts: Readonly<Record<string, string>>): string {
  const cases = Object.entries(scripts).map(([verb, script]) => `    ${verb})\n      ${script}\n      ;;`);
  const real = `exec '${ptyRuntimeProgram}' "$@"`;
  const lines = ['for word do', '  case $word in', ...cases, '  esac', 'done', real];
  return writeProgram(testbed, 'runtime', lines.join('\n'));
}
