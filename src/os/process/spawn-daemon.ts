/** Starts a daemon, which inherits the socket that it serves. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileError } from '../../errors/file-error.js';
import type { OwnedFd } from '../owned-fd.js';
import { ownCommand } from './node-program.js';

export interface SpawnDaemonOptions {
  /** The daemon's program. */
  script: string;
  args: readonly string[];
  /** The socket that the daemon serves. */
  listener: OwnedFd;
  /** The daemon writes its errors there; undefined for /dev/null. */
  stderr: OwnedFd | undefined;
}

/**
 * Resolves with the pid when the program runs. The daemon inherits the socket as 3 and `stderr` as 2; the caller still
 * owns its own descriptors.
 */
export async function spawnDaemon({ script, args, listener, stderr }: SpawnDaemonOptions): Promise<number> {
  const command = ownCommand(script, args);
  const child = spawn(command.program, command.args, {
    env: command.env,
    // The caller's working directory may be removed while the daemon runs.
    cwd: '/',
    // In a session of its own, so that no signal of a terminal or to the caller's process group reaches it.
    detached: true,
    stdio: ['ignore', 'ignore', stderr?.fd ?? 'ignore', listener.fd],
  });
  const pid = child.pid ?? (await failureOf(child));
  child.unref();
  return pid;
}

/** Node reports a failed fork with an event. */
async function failureOf(child: ChildProcess): Promise<never> {
  const [error] = await once(child, 'error');
  throw fileError(error, `run ${process.execPath}`);
}
