/** A new daemon, which inherits the socket that it is to serve. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addon } from '../native/addon.js';
import { errnoOf, fileError } from '../os/file-error.js';
import { OwnedFd } from '../os/owned-fd.js';

export interface SpawnDaemonOptions {
  namespace: string;
  /** Of containerd's own socket. */
  address: string;
  /** The path of its socket, which is `listener`. */
  socket: string;
  listener: OwnedFd;
  /** Of the container that it is started for. */
  bundle: string;
  /** The container that it must wait for, whatever else it has to do. */
  reserve: string;
  isDebug: boolean;
}

/** Settles with the pid when the program runs. The listener stays the caller's: the daemon has its own, as fd 3. */
export async function spawnDaemon(options: SpawnDaemonOptions): Promise<number> {
  using log = openLog(options.bundle);
  const child = spawn(process.execPath, [daemonScript, ...argumentsOf(options)], {
    // The bundle is removed while the daemon lives.
    cwd: '/',
    // Out of reach of what a terminal sends, and of whoever signals the process group of containerd.
    detached: true,
    stdio: ['ignore', 'ignore', log?.fd ?? 'ignore', options.listener.fd],
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

/** A daemon that fails before it can serve says so on stderr, and containerd reads this FIFO, if it made one. */
function openLog(bundle: string): OwnedFd | undefined {
  const fd = addon.fd_open(join(bundle, 'log'), constants.O_WRONLY | constants.O_NONBLOCK, 0);
  return fd < 0 ? undefined : new OwnedFd(fd, 'the log');
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
