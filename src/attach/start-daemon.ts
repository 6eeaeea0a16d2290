/** Starts the daemon of this user. */
import { constants, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { daemonScript } from '../daemon-script.js';
import { addon } from '../native/addon.js';
import { lockDirectory } from '../os/directory-lock.js';
import { check } from '../os/errors.js';
import { fileError } from '../os/file-error.js';
import { OwnedFd } from '../os/owned-fd.js';
import { makeRuntimeDirectory } from '../os/runtime-directory.js';
import { spawnDaemon } from '../os/spawn-daemon.js';
import { connectTtrpc } from '../ttrpc/client.js';
import type { TtrpcConnection } from '../ttrpc/client-connection.js';
import { daemonFiles, dialDaemon } from './daemon-socket.js';

/** containerd's word, of which there is one for each user. */
export const daemonNamespace = 'termshim';

export interface StartedDaemon {
  connection: TtrpcConnection;
  /** Of one that is new and could not begin: what it said, one line; empty if nothing. */
  lastWords?: () => string;
}

/** The daemon that somebody else has just started, or a new one. It takes calls before it can answer them. */
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

/** Listens where nobody does; the file of a dead daemon is removed. To be called under the lock of the directory. */
export function listenForDaemon(socket: string): OwnedFd {
  try {
    rmSync(socket, { force: true });
  } catch (error) {
    throw fileError(error, `remove the socket ${socket}`);
  }
  return new OwnedFd(check(addon.socket_listen(socket, 0o600), 'bind', `listen at ${socket}`), socket);
}

async function startNewDaemon(directory: string): Promise<StartedDaemon> {
  const [socket, log] = [join(directory, daemonFiles.socket), join(directory, daemonFiles.log)];
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND;
  using listener = listenForDaemon(socket);
  using stderr = OwnedFd.open(log, flags, `the log ${log}`);
  const command = [daemonScript, '--namespace', daemonNamespace, '--socket', socket, '--log', log];
  try {
    await spawnDaemon({ command, listener, stderr });
    return { connection: await connectTtrpc(socket), lastWords: () => lastLine(log) };
  } catch (error) {
    rmSync(socket, { force: true });
    throw error;
  }
}

/** A daemon that cannot begin says why in its last line. */
function lastLine(log: string): string {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  return (lines.at(-1) ?? '').replace(/^termshim: /, '');
}
