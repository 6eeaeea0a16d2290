/**
 * The program that mounts and unmounts (native/mounter): a mount may wait without end for a FUSE program or a server that does
 * not answer, which must stop neither this process nor a thread of it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../package-root.js';
import { fileError } from '../../errors/file-error.js';
import { leadsQuietSession } from '../process/process-session.js';

/** Why a mount could not be made, or not be taken away. */
export interface MounterFailure {
  /** Of the mount. */
  index: number;
  syscall: string;
  /** Of errno(3); 0 if the words say it all. */
  errno: number;
  /** As in `open the lower directory /a of`. */
  attempted: string;
  words: string;
}

/**
 * Runs it, and settles when it has ended: undefined if all went well. It ends by itself, whatever hangs, soon after `limitMs`.
 * Rejects with ERR_SYSTEM.
 *
 * @param signal has it undo what it has done
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

/** TERMSHIM_MOUNTER names an instrumented build for tests. */
const program = process.env['TERMSHIM_MOUNTER'] ?? join(packageRoot, 'bin/termshim-mounter');

function start(args: string[]): ChildProcess {
  try {
    // As a runtime's: a ^C at our terminal would end it half-way.
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
