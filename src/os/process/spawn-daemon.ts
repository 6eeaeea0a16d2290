/** A new daemon, which inherits the socket that it is to serve. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileError } from '../../errors/file-error.js';
import type { OwnedFd } from '../owned-fd.js';
import { ownCommand } from './node-program.js';

export interface SpawnDaemonOptions {
  /** Of the daemon. */
  script: string;
  args: readonly string[];
  /** What it serves. */
  listener: OwnedFd;
  /** Where it says why it fails; /dev/null without one. */
  stderr: OwnedFd | undefined;
}

/** Settles with the pid when the program runs. The descriptors stay the caller's: the daemon has its own, as 3 and 2. */
export async function spawnDaemon({ script, args, listener, stderr }: SpawnDaemonOptions): Promise<number> {
  const command = ownCommand(script, args);
  const child = spawn(command.program, command.args, {
    env: command.env,
    // The directory that it was started in may be removed while it lives.
    cwd: '/',
    // Out of reach of what a terminal sends, and of whoever signals our process group.
    detached: true,
    stdio: ['ignore', 'ignore', stderr?.fd ?? 'ignore', listener.fd],
  });
  const pid = child.pid ?? (await failureOf(child));
  child.unref();
  return pid;
}

/** A fork that fails is told by an event. */
async function failureOf(child: ChildProcess): Promise<never> {
  const [error] = await once(child, 'error');
  throw fileError(error, `run ${process.execPath}`);
}
