/** A daemon for containerd. */
import { constants, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { daemonScript } from '../daemon-script.js';
import { addon } from '../native/addon.js';
import { errnoOf, fileError } from '../errors/file-error.js';
import { OwnedFd } from '../os/owned-fd.js';
import { spawnDaemon } from '../os/process/spawn-daemon.js';

export interface ShimDaemonOptions {
  namespace: string;
  /** Of containerd's own socket. */
  address: string;
  /** The path of its socket, which is `listener`. */
  socket: string;
  /** Stays the caller's. */
  listener: OwnedFd;
  /** Of the container that it is started for. */
  bundle: string;
  /** The container that it must wait for, whatever else it has to do. */
  reserve: string;
  isDebug: boolean;
}

/** Settles with the pid when the program runs. */
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

/** A daemon that fails before it can serve says so on stderr, and containerd reads this FIFO, if it made one. */
function openLog(bundle: string): OwnedFd | undefined {
  const fd = addon.fd_open(join(bundle, 'log'), constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW, 0);
  return fd < 0 ? undefined : new OwnedFd(fd, 'the log');
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
