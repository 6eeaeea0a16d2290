/** A program in the place of Node that prints how the launcher executed it. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import type { CommandResult } from '../base/command.js';

/** From dist/test/helpers/shim/ the package's root is four levels up. */
export const reportingNode = fileURLToPath(
  new URL('../../../../test/fixtures/node-that-tells-how-it-was-executed', import.meta.url),
);

/** Before the script. */
export const nodeFlags = ['--inspect-port=[fe80::1]:9229', '--no-warnings'];

export interface Execution {
  words: string[];
  isLocked: boolean;
}

/** What the program said, which must be all that was said. */
export function executionIn({ stdout, stderr, status }: CommandResult): Execution {
  assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
  const lines = stdout.trimEnd().split('\n');
  const after = (start: string): string[] =>
    lines.filter((it) => it.startsWith(start)).map((it) => it.slice(start.length));
  assert.deepEqual(after('certificates '), ['unset']);
  return { words: after('argument '), isLocked: lines.includes('locked') };
}
