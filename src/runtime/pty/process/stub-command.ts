/**
 * The command line of the stub: a shell that waits on a FIFO and then becomes the container's process.
 *
 * The stub has the process's environment from the beginning, so that its values do not show in a command line. Only
 * variables that a shell would change or drop are arguments of env(1), which the shell becomes before the process.
 * env(1) also removes variables that the shell adds.
 */
import { resolve } from 'node:path';
import { TermshimError } from '../../../errors/errors.js';
import { findProgram, isProgram } from '../../find-program.js';
import type { OciProcess } from '../../spec/oci-spec.js';
import { failure } from '../container.js';

export interface StubCommand {
  file: string;
  args: string[];
  /** As `NAME=value`. */
  env: string[];
}

/** The FIFO's name is relative, so the process's user must be able to enter only the stub's working directory. */
const script = ': < "$0" && cd "$1" && shift && exec /usr/bin/env "$@"';

/** Throws runc's message if there is no such program. */
export function stubCommand(process: OciProcess, fifo: string): StubCommand {
  const env = (process.env ?? []).map(checkEntry);
  const names = new Set(env.map(nameOf));
  const removed = setByShells.flatMap((name) => (names.has(name) ? [] : ['-u', name]));
  const changed = env.filter((entry) => !survivesShell(nameOf(entry)));
  return {
    file: '/bin/sh',
    args: [
      '-c',
      script,
      fifo,
      process.cwd,
      ...removed,
      ...changed,
      programWord(process, env),
      ...process.args.slice(1),
    ],
    env: env.filter((entry) => survivesShell(nameOf(entry))),
  };
}

/** Variables that dash, bash or busybox sh export by themselves. */
const setByShells = ['OLDPWD', 'PATH', 'PWD', 'SHLVL', '_'];

/** Variables that a shell sets itself. */
const ownedByShells = new Set(
  'BASHOPTS EUID IFS LINENO OLDPWD OPTIND PPID PS1 PS2 PS4 PWD SHELLOPTS SHLVL UID _'.split(' '),
);

/** dash drops variables whose names are no shell names, such as `discovery.type`. */
function survivesShell(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !ownedByShells.has(name);
}

function checkEntry(entry: string): string {
  if (entry.indexOf('=') > 0 && !entry.includes('\0')) return entry;
  throw new TermshimError('ERR_BUNDLE_INVALID', `process.env has ${JSON.stringify(entry)}, which is not NAME=value`);
}

function nameOf(entry: string): string {
  return entry.slice(0, entry.indexOf('='));
}

/** The program as env(1) gets it: by its name, which is also its argv[0], or its path if env(1) would misread that. */
function programWord(process: OciProcess, env: string[]): string {
  const [name = ''] = process.args;
  const path = lookUp(name, process.cwd, env);
  const isPlain = (word: string): boolean => !word.startsWith('-') && !word.includes('=');
  if (isPlain(name)) return name;
  if (isPlain(path)) return path;
  throw failure(`exec: ${JSON.stringify(name)}: a path with "=" cannot be run`);
}

function lookUp(name: string, cwd: string, env: string[]): string {
  const quoted = JSON.stringify(name);
  if (name.includes('/')) {
    const path = resolve(cwd, name);
    if (isProgram(path)) return path;
    throw failure(`exec: ${quoted}: ${path} is not an executable file`);
  }
  const searchPath = env.findLast((entry) => nameOf(entry) === 'PATH')?.slice('PATH='.length) ?? '';
  const path = findProgram(name, searchPath);
  if (path === undefined) throw failure(`exec: ${quoted}: executable file not found in $PATH`);
  return path;
}
