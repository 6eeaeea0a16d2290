/**
 * `start`: the address of the daemon that is to have a new container. A living daemon is asked to wait for it, else one
 * is started. The launcher answers for most living daemons, and comes here when it found none, or was in doubt.
 */
import { rmSync } from 'node:fs';
import { addon } from '../native/addon.js';
import { check } from '../errors/errors.js';
import { fileError } from '../errors/file-error.js';
import { OwnedFd } from '../os/owned-fd.js';
import { groupOf, makeSocketDirectory, socketPath, toAddress } from './address.js';
import { removeBundleAddress, writeBundleAddress } from './bundle-address.js';
import { reserve } from './daemon-client.js';
import { underLock } from './socket-lock.js';
import { spawnShimDaemon } from './spawn-daemon.js';

export interface StartOptions {
  namespace: string;
  /** Of containerd's own socket. */
  address: string;
  id: string;
  bundle: string;
  isDebug: boolean;
  /** The lock of the launcher, if that left one. */
  lockFd?: number | undefined;
}

/**
 * Answers the address, which then stands in the bundle too. It does not wait for a new daemon, whose socket takes calls
 * already. Throws, and leaves neither a file nor a daemon: ERR_GROUP_INVALID, ERR_BUNDLE_INVALID, ERR_DAEMON_FAILED,
 * ERR_START_TIMEOUT, ERR_DIRECTORY_UNSAFE.
 */
export async function start(options: StartOptions): Promise<string> {
  const { namespace, address, id, bundle, lockFd } = options;
  makeSocketDirectory();
  const group = await groupOf(id, bundle);
  const socket = socketPath({ address, namespace, group });
  const find = (): Promise<string> => findDaemon(socket, options);
  // Nobody else looks at the socket of a group of one.
  return group === id ? find() : underLock(find, lockFd);
}

async function findDaemon(socket: string, options: StartOptions): Promise<string> {
  const isAlive = await reserve(socket, options.id);
  const answer = toAddress(socket);
  try {
    writeBundleAddress(options.bundle, answer);
    if (!isAlive) await startDaemon(socket, options);
  } catch (error) {
    removeBundleAddress(options.bundle);
    throw error;
  }
  return answer;
}

async function startDaemon(socket: string, options: StartOptions): Promise<void> {
  removeSocket(socket);
  const fd = check(addon.socket_listen(socket, 0o600), 'bind', `listen at ${socket}`);
  using listener = new OwnedFd(fd, socket);
  try {
    const { id, ...rest } = options;
    await spawnShimDaemon({ ...rest, socket, listener, reserve: id });
  } catch (error) {
    removeSocket(socket);
    throw error;
  }
}

/** Of a daemon that was killed, since whoever lives has just been asked; or one of which nobody knows yet. */
function removeSocket(socket: string): void {
  try {
    rmSync(socket, { force: true });
  } catch (error) {
    throw fileError(error, `remove the socket ${socket}`);
  }
}
