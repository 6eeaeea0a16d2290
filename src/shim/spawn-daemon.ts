/** A new daemon, which inherits the socket that it is to serve. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errnoOf, fileError } from '../os/file-error.js';
import type { OwnedFd } from '../os/owned-fd.js';

export interface SpawnDaemonOptions {
  namespace: string;
  /** Of containerd's own socket. */
  address: string;
  /** The path of its socket, which is `listener`. */
  socket: string;
  listener: OwnedFd;
  /** The container that it must wait for, whatever else it has to do. */
  reserve: string;
  isDebug: boolean;
}

/** Settles with the pid when the program runs. The listener stays the caller's: the daemon has its own, as fd 3. */
export async function spawnDaemon(options: SpawnDaemonOptions): Promise<number> {
  const child = spawn(process.execPath, [daemonScript, ...argumentsOf(options)], {
    // The bundle is removed while the daemon lives.
    cwd: '/',
    // Out of reach of what a terminal sends, and of whoever signals the process group of containerd.
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', options.listener.fd],
  });
  const pid = child.pid ?? (await failureOf(child));
  child.unref();
  try {
    makeLikelierVictim(pid);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return pid;
}

const daemonScript = fileURLToPath(new URL('./daemon.js', import.meta.url));

function argumentsOf({ namespace, address, socket, reserve, isDebug }: SpawnDaemonOptions): string[] {
  const pairs = ['--namespace', namespace, '--address', address, '--socket', socket, '--reserve', reserve];
  return isDebug ? [...pairs, '--debug'] : pairs;
}

/** A fork that fails is told by an event. */
async function failureOf(child: ChildProcess): Promise<never> {
  const [error] = await once(child, 'error');
  throw fileError(error, `run ${process.execPath}`);
}

/** As containerd's own shims have it: when memory is short, a shim goes before containerd, our parent. */
function makeLikelierVictim(pid: number): void {
  const pathOf = (process: number): string => `/proc/${process}/oom_score_adj`;
  try {
    const score = Number(readFileSync(pathOf(process.ppid), 'utf8')) + 1;
    writeFileSync(pathOf(pid), String(Math.min(score, 1000)));
  } catch (error) {
    // In a user namespace it is not ours to say.
    if (errnoOf(error) !== 'EACCES' && errnoOf(error) !== 'EPERM') throw fileError(error, `write ${pathOf(pid)}`);
  }
}
