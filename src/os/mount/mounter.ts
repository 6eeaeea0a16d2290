/**
 * Runs the mounter (native/mounter), a program that mounts and unmounts. A mount may wait for ever for a FUSE program
 * or a server, and must not block a thread of this process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../package.js';
import { fileError } from '../../errors/file-error.js';
import { leadsQuietSession } from '../process/process-session.js';

/** Why a mount or an unmount failed. */
export interface MounterFailure {
  /** The index of the mount. */
  index: number;
  syscall: string;
  /** The number of an errno(3); 0 if only `words` says why. */
  errno: number;
  /** What the mounter was doing, such as `open the lower directory /a of`; the name of the mount comes after it. */
  attempted: string;
  words: string;
}

/**
 * Runs the mounter until it ends, which is soon after `limitMs` even if a mount hangs. Resolves with undefined if it
 * succeeds. Rejects with ERR_SYSTEM if it does not start.
 *
 * @param signal makes the mounter undo its mounts and end
 */
export async function runMounter(
  verb: 'mount' | 'unmount',
  root: string,
  limitMs: number,
  words: readonly string[],
  signal?: AbortSignal,
): Promise<MounterFailure | undefined> {
  const args = [verb, root, String(limitMs), ...words];
  const child = start(args);
  const stop = (): void => void child.kill('SIGTERM');
  if (signal?.aborted === true) stop();
  signal?.addEventListener('abort', stop);
  try {
    return await endOf(child);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** TERMSHIM_MOUNTER is the path of an instrumented build, for tests. */
const program = process.env['TERMSHIM_MOUNTER'] ?? join(packageRoot, 'bin/termshim-mounter');

function start(args: string[]): ChildProcess {
  try {
    // As for a runtime: a ^C at this process's terminal would kill it half-way.
    return spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: !leadsQuietSession() });
  } catch (error) {
    throw fileError(error, `run ${program}`);
  }
}

function endOf(child: ChildProcess): Promise<MounterFailure | undefined> {
  let said = '';
  child.stdout?.on('data', (data: Buffer) => (said += data.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(fileError(error, `run ${program}`)));
    child.once('close', (status, signal) => resolve(status === 0 ? undefined : failureOf(said, status, signal)));
  });
}

function failureOf(said: string, status: number | null, signal: NodeJS.Signals | null): MounterFailure {
  const [index = '', syscall = '', errno = '', attempted = '', words = ''] = said.split('\0');
  if (index !== '') return { index: Number(index), syscall, errno: Number(errno), attempted, words };
  return { index: 0, syscall: '', errno: 0, attempted: 'mount', words: `${program} ended with ${signal ?? status}` };
}
