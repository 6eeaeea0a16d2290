/** Starts the user's daemon. */
import { constants, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { daemonScript } from '../package.js';
import { addon } from '../native/addon.js';
import { lockDirectory } from '../os/file/directory-lock.js';
import { durationMs } from './duration.js';
import { TermshimError, check } from '../errors/errors.js';
import { fileError } from '../errors/file-error.js';
import { OwnedFd } from '../os/owned-fd.js';
import { makeRuntimeDirectory, runtimeDirectory } from '../os/file/runtime-directory.js';
import { spawnDaemon } from '../os/process/spawn-daemon.js';
import { connectTtrpc } from '../ttrpc/client.js';
import type { TtrpcConnection } from '../ttrpc/client-connection.js';
import { assertSocketPath } from '../os/socket-path.js';
import { daemonFiles, daemonSocket, dialDaemon } from './daemon-socket.js';

/** The namespace of the user's daemon. containerd's daemons have one for each namespace of containerd. */
export const daemonNamespace = 'termshim';

export interface StartedDaemon {
  connection: TtrpcConnection;
  /**
   * For a new daemon: the last line that it wrote, which is the reason if it could not begin. Empty if there is none.
   */
  lastWords?: () => string;
}

/**
 * Connects to a daemon that another process has just started, or starts a new one. A new daemon accepts calls before it
 * can answer them.
 */
export async function startDaemon(): Promise<StartedDaemon> {
  const directory = makeRuntimeDirectory();
  const lock = await lockDirectory(directory);
  try {
    const connection = await dialDaemon();
    if (connection !== undefined) return { connection };
    return await startNewDaemon(directory);
  } finally {
    lock.close();
  }
}

/** Makes the socket for a daemon that runs in this process. Throws ERR_SOCKET_IN_USE if a daemon runs already. */
export async function claimDaemonSocket(): Promise<OwnedFd> {
  const directory = makeRuntimeDirectory();
  const lock = await lockDirectory(directory);
  try {
    const living = await dialDaemon();
    living?.close();
    if (living === undefined) return listen(daemonSocket());
    throw new TermshimError('ERR_SOCKET_IN_USE', `the daemon of this user is already running at ${daemonSocket()}`);
  } finally {
    lock.close();
  }
}

/** Removes the socket of a dead daemon. Call it under the lock, and only if no daemon listens. */
function listen(socket: string): OwnedFd {
  try {
    rmSync(socket, { force: true });
  } catch (error) {
    throw fileError(error, `remove the socket ${socket}`);
  }
  assertSocketPath(socket, 'the daemon');
  return new OwnedFd(check(addon.socket_listen(socket, 0o600), 'bind', `listen at ${socket}`), socket);
}

/** Removes the socket of a daemon that could not begin. Its log stays. */
export async function removeDeadSocket(): Promise<void> {
  const lock = await lockDirectory(runtimeDirectory());
  try {
    const living = await dialDaemon();
    if (living === undefined) rmSync(daemonSocket(), { force: true });
    living?.close();
  } finally {
    lock.close();
  }
}

async function startNewDaemon(directory: string): Promise<StartedDaemon> {
  const [socket, log] = [join(directory, daemonFiles.socket), join(directory, daemonFiles.log)];
  const pairs = ['--namespace', daemonNamespace, '--socket', socket, '--log', log, ...idleExit()];
  const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND, O_NOFOLLOW } = constants;
  const flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW;
  using listener = listen(socket);
  using stderr = OwnedFd.open(log, flags, `the log ${log}`);
  try {
    await spawnDaemon({ script: daemonScript, args: pairs, listener, stderr });
    return { connection: await connectTtrpc(socket), lastWords: () => lastLine(log) };
  } catch (error) {
    rmSync(socket, { force: true });
    throw error;
  }
}

/** The daemon's option `--idle-exit`, in seconds, from TERMSHIM_IDLE_EXIT. */
function idleExit(): string[] {
  const text = process.env['TERMSHIM_IDLE_EXIT'] || usualIdleExit;
  if (text === 'never') return [];
  const idleMs = durationMs(text);
  if (idleMs !== undefined) return ['--idle-exit', String(idleMs / 1000)];
  throw new TermshimError(
    'ERR_DAEMON_FAILED',
    `TERMSHIM_IDLE_EXIT must be a duration such as 10m, or never, but it is ${JSON.stringify(text)}`,
  );
}

/** The next command starts a daemon again, so one that does nothing need not stay in memory. */
const usualIdleExit = '10m';

/** A daemon that cannot begin writes the reason as its last line. */
function lastLine(log: string): string {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  return (lines.at(-1) ?? '').replace(/^termshim: /, '');
}
