/** Starts a daemon for containerd. */
import { constants, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { daemonScript } from '../package.js';
import { addon } from '../native/addon.js';
import { errnoOf, fileError } from '../errors/file-error.js';
import { OwnedFd } from '../os/owned-fd.js';
import { spawnDaemon } from '../os/process/spawn-daemon.js';

export interface ShimDaemonOptions {
  namespace: string;
  /** The path of containerd's own socket. */
  address: string;
  /** The path at which `listener` listens. */
  socket: string;
  /** The socket that the daemon serves. It stays the caller's. */
  listener: OwnedFd;
  /** The bundle of the container for which the daemon is started. */
  bundle: string;
  /** The id of the container that must be created before the daemon may end. */
  reserve: string;
  isDebug: boolean;
}

/** Resolves to the pid when the program runs. */
export async function spawnShimDaemon(options: ShimDaemonOptions): Promise<number> {
  using log = openLog(options.bundle);
  const args = argumentsOf(options);
  const pid = await spawnDaemon({ script: daemonScript, args, listener: options.listener, stderr: log });
  try {
    makeLikelierVictim(pid);
  } catch (error) {
    process.kill(pid, 'SIGKILL');
    throw error;
  }
  return pid;
}

function argumentsOf({ namespace, address, socket, reserve, isDebug }: ShimDaemonOptions): string[] {
  const pairs = ['--namespace', namespace, '--address', address, '--socket', socket, '--reserve', reserve];
  return isDebug ? [...pairs, '--debug'] : pairs;
}

/** A daemon that fails before it serves writes the reason to stderr. If containerd made this FIFO, it reads it. */
function openLog(bundle: string): OwnedFd | undefined {
  const fd = addon.fd_open(join(bundle, 'log'), constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW, 0);
  return fd < 0 ? undefined : new OwnedFd(fd, 'the log');
}

/**
 * If memory runs out, the kernel kills the daemon before containerd, our parent: containerd's own shims do the same.
 */
function makeLikelierVictim(pid: number): void {
  const pathOf = (process: number): string => `/proc/${process}/oom_score_adj`;
  try {
    const score = Number(readFileSync(pathOf(process.ppid), 'utf8')) + 1;
    writeFileSync(pathOf(pid), String(Math.min(score, 1000)));
  } catch (error) {
    // A user namespace may forbid it.
    if (errnoOf(error) !== 'EACCES' && errnoOf(error) !== 'EPERM') throw fileError(error, `write ${pathOf(pid)}`);
  }
}
