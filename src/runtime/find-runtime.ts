/** Finds the program of an OCI runtime. */
import { join, resolve } from 'node:path';
import { TermshimError } from '../errors/errors.js';
import { packageRoot } from '../package.js';
import { findProgram, isProgram } from './find-program.js';

/** A runtime that was found; pass it to `ociRuntime`. */
export interface RuntimeProgram {
  /** Its name in messages. */
  name: string;
  /** The program and its leading arguments. */
  command: string[];
}

/** What to choose if no runtime is named. */
export interface FindRuntimeOptions {
  /**
   * Whether the user named a bundle or a root filesystem, and so expects to be isolated from this host; true by default.
   */
  isBundleGiven?: boolean | undefined;
}

/**
 * Finds a runtime by its name: `runc`, `crun` or another program in PATH, `pty` for the embedded runtime, which isolates
 * nothing, or a path with a slash in it. Without a name it is runc, or crun if runc is not installed; only with
 * `isBundleGiven: false` it is the embedded runtime. Throws ERR_RUNTIME_NOT_FOUND.
 */
export function findRuntime(name?: string, { isBundleGiven = true }: FindRuntimeOptions = {}): RuntimeProgram {
  if (name === undefined) return isBundleGiven ? firstInstalled() : ptyRuntime();
  if (name === 'pty') return ptyRuntime();
  if (name === 'runc' || name === 'crun') {
    return installed(name) ?? notFound(`${name} is not in PATH`);
  }
  if (name.includes('/')) {
    const path = resolve(name);
    return isProgram(path) ? { name: path, command: [path] } : notFound(`${path} is not an executable file`);
  }
  const words = `unknown runtime ${JSON.stringify(name)}: use runc, crun, pty or the path of a runtime program`;
  return installed(name) ?? notFound(words);
}

function firstInstalled(): RuntimeProgram {
  const reason = 'neither runc nor crun is in PATH; name a runtime, or use pty to run without any isolation';
  return installed('runc') ?? installed('crun') ?? notFound(reason);
}

function installed(name: string): RuntimeProgram | undefined {
  const path = findProgram(name, process.env['PATH'] ?? '');
  return path === undefined ? undefined : { name, command: [path] };
}

/** Whether the command is that of the embedded runtime, as `findRuntime` returns it. */
export function isPtyRuntime(command: readonly string[]): boolean {
  return command.at(-1) === ptyProgram;
}

const ptyProgram = join(packageRoot, 'bin/termshim-runtime-pty');

function ptyRuntime(): RuntimeProgram {
  return { name: 'pty', command: [ptyProgram] };
}

function notFound(reason: string): never {
  throw new TermshimError('ERR_RUNTIME_NOT_FOUND', reason);
}
