/** A ttrpc client. */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { fileError } from '../errors/file-error.js';
import { assertSocketPath } from '../os/socket-path.js';
import { assertTrusted } from '../os/file/directory-trust.js';
import { type CallOptions, type TtrpcConnection, clientConnection } from './client-connection.js';
import { decodeMessage, message } from './message.js';
import type { RequestOf, ResponseOf, ServiceDefinition } from './service.js';
import { Code } from './status.js';

/** One function for each method. A field that a request leaves out has protobuf's default. */
export type Client<D extends ServiceDefinition> = {
  readonly [Name in keyof D['methods']]: (
    request: Partial<RequestOf<D['methods'][Name]>>,
    options?: CallOptions,
  ) => Promise<ResponseOf<D['methods'][Name]>>;
};

/**
 * Connects to a unix socket. Fails with ERR_SYSTEM (ECONNREFUSED if no server listens, ENOENT if there is no socket),
 * ERR_SOCKET_PATH_TOO_LONG, or ERR_DIRECTORY_UNSAFE if another user could listen at this path.
 */
export async function connectTtrpc(path: string): Promise<TtrpcConnection> {
  assertSocketPath(path, 'the ttrpc socket');
  assertTrusted(dirname(path), 'ours or root');
  const socket = createConnection(path);
  try {
    await once(socket, 'connect');
  } catch (error) {
    throw fileError(error, `connect to ${path}`);
  }
  return clientConnection(socket, path);
}

/** @param fullName the definition's by default; version 3 of the Task service is version 2 under another name */
export function clientOf<D extends ServiceDefinition>(
  definition: D,
  connection: TtrpcConnection,
  fullName = definition.fullName,
): Client<D> {
  const methods = Object.entries(definition.methods).map(([key, { name, requestType, responseType }]) => [
    key,
    async (request: object, options?: CallOptions) => {
      const payload = requestType.encode(message(requestType, request)).finish();
      return decodeMessage(responseType, await connection.call(fullName, name, payload, options), Code.Internal);
    },
  ]);
  return Object.fromEntries(methods) as Client<D>;
}
