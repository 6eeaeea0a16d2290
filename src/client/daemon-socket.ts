/** The socket of the user's daemon. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runtimeDirectory } from '../os/file/runtime-directory.js';
import { assertTrusted } from '../os/file/directory-trust.js';
import { connectTtrpc } from '../ttrpc/client.js';
import type { TtrpcConnection } from '../ttrpc/client-connection.js';
import { isNobodyListening } from '../os/socket-path.js';

/** Names of files in the runtime directory. */
export const daemonFiles = { socket: 'daemon.sock', log: 'daemon.log' } as const;

export function daemonSocket(): string {
  return join(runtimeDirectory(), daemonFiles.socket);
}

/** Undefined if no daemon listens. Throws ERR_SYSTEM if that cannot be found out, and ERR_DIRECTORY_UNSAFE. */
export async function dialDaemon(): Promise<TtrpcConnection | undefined> {
  const socket = daemonSocket();
  assertTrusted(runtimeDirectory(), 'ours');
  if (!existsSync(socket)) return undefined;
  try {
    return await connectTtrpc(socket);
  } catch (error) {
    if (isNobodyListening(error)) return undefined;
    throw error;
  }
}
