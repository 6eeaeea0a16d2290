import { existsSync } from 'node:fs';
import { isProgram } from './find-program.js';
import { findRuntime, type RuntimeProgram } from './find-runtime.js';

/**
 * The command of a runtime that was found some time ago: an upgrade may have moved it, so its name is looked up again if it is
 * not there any more. One that was named by its path is the program there, or none. The old command if there is no other.
 */
export function currentCommand({ name, command }: RuntimeProgram): readonly string[] {
  const [program = '', ...rest] = command;
  const files = name === 'pty' ? rest : [];
  const isThere = !program.startsWith('/') || (isProgram(program) && files.every((file) => existsSync(file)));
  if (isThere) return command;
  try {
    return findRuntime(name, { isBundleGiven: true }).command;
  } catch {
    return command;
  }
}
