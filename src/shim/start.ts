/**
 * `start`: finds the daemon for a new container. Asks a running daemon to wait for the container, or starts a new
 * daemon. The launcher itself answers for most running daemons. It executes this if it has found none or was in doubt.
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
  /** The path of containerd's own socket. */
  address: string;
  id: string;
  bundle: string;
  isDebug: boolean;
  /** The descriptor of the lock, if the launcher has already taken it. */
  lockFd?: number | undefined;
}

/**
 * Returns the address, and writes it to the bundle. Does not wait until a new daemon serves, because its socket accepts
 * connections already. Throws ERR_GROUP_INVALID, ERR_BUNDLE_INVALID, ERR_DAEMON_FAILED, ERR_START_TIMEOUT,
 * ERR_DIRECTORY_UNSAFE; then it leaves neither a file nor a daemon.
 */
export async function start(options: StartOptions): Promise<string> {
  const { namespace, address, id, bundle, lockFd } = options;
  makeSocketDirectory();
  const group = await groupOf(id, bundle);
  const socket = socketPath({ address, namespace, group });
  const find = (): Promise<string> => findDaemon(socket, options);
  // No other process uses the socket of a group of one container.
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

/**
 * Removes the socket of a daemon that was killed, because a running one would have answered; or a new socket that no
 * other process knows yet.
 */
function removeSocket(socket: string): void {
  try {
    rmSync(socket, { force: true });
  } catch (error) {
    throw fileError(error, `remove the socket ${socket}`);
  }
}
