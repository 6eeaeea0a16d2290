import { existsSync } from 'node:fs';
import { isProgram } from './find-program.js';
import { findRuntime, type RuntimeProgram } from './find-runtime.js';

/**
 * The command of a runtime that was found earlier. If its program is gone, for example after an upgrade, it is looked
 * up again by its name. A runtime that was named by a path is only looked for at that path. Returns the old command if
 * there is no other.
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
