/** A ttrpc server at a unix socket. */
import { Socket } from 'node:net';
import { addon } from '../native/addon.js';
import { acceptTrusted } from '../os/accept.js';
import { EPOLLIN, watch } from '../os/epoll.js';
import { check } from '../errors/errors.js';
import type { OwnedFd } from '../os/owned-fd.js';
import type { ErrorListener } from './call.js';
import { type ServerConnection, serveConnection } from './server-connection.js';
import type { Service } from './service.js';

/** How soon to accept again after there was no free descriptor: no event reports that there is one. */
const acceptAgainMs = 100;

export interface ServeOptions {
  /** Called for bugs in implementations, clients that do not speak ttrpc, and connections that cannot be accepted. */
  onError?: ErrorListener;
  /** Called with the number of connections, whenever it changes. */
  onConnections?: (count: number) => void;
}

export interface TtrpcServer extends AsyncDisposable {
  /** Stops listening, answers the calls in flight, and resolves when every connection is closed. Idempotent. */
  close(): Promise<void>;
  /** Stops listening and closes every connection now. */
  destroy(): void;
}

/**
 * Serves clients of root and of this process's user. Each request runs as soon as it arrives, beside the others.
 *
 * Takes over the listening socket. Its file stays.
 */
export function serveTtrpc(
  listener: OwnedFd,
  services: readonly Service[],
  { onError = () => {}, onConnections = () => {} }: ServeOptions = {},
): TtrpcServer {
  const options = { services: new Map(services.map((it) => [it.fullName, it])), onError };
  const connections = new Set<ServerConnection>();
  let retry: NodeJS.Timeout | undefined;
  /* Another program may have made an inherited listener blocking, and accept4 must not wait. */
  check(addon.fd_set_nonblocking(listener.fd, true), 'fcntl', `listen at ${listener.name}`);
  const watching = watch(listener.fd, EPOLLIN, accept);

  function accept(): void {
    clearTimeout(retry);
    try {
      for (const dialer of acceptTrusted(listener.fd, 'the ttrpc socket')) {
        const connection = serveConnection(socketOf(dialer), options);
        connections.add(connection);
        onConnections(connections.size);
        const forget = (): void => {
          connections.delete(connection);
          onConnections(connections.size);
        };
        void connection.closed.then(forget);
      }
    } catch (error) {
      onError(error, 'the ttrpc socket');
      retry = setTimeout(accept, acceptAgainMs);
    }
  }

  function stopListening(): void {
    clearTimeout(retry);
    watching?.close();
    listener.close();
  }

  const close = async (): Promise<void> => {
    stopListening();
    for (const connection of connections) connection.close();
    await Promise.all([...connections].map((it) => it.closed));
  };
  return {
    close,
    destroy() {
      stopListening();
      for (const connection of connections) connection.destroy();
    },
    [Symbol.asyncDispose]: close,
  };
}

/** Takes over the descriptor: libuv then owns it. */
function socketOf(connection: OwnedFd): Socket {
  const socket = new Socket({ fd: connection.fd, readable: true, writable: true });
  connection.release();
  return socket;
}
