/** A server that stands in for the daemon at the socket that `start` and `delete` dial. */
import { once } from 'node:events';
import { type Server, type Socket, createServer } from 'node:net';
import { addon } from '../../../src/native/addon.js';
import { check } from '../../../src/errors/errors.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { makeSocketDirectory } from '../../../src/shim/address.js';
import { type ForgetResponse, ShimDefinition } from '../../../src/ttrpc/gen/termshim/shim.js';
import { serveTtrpc } from '../../../src/ttrpc/server.js';
import { service } from '../../../src/ttrpc/service.js';
import type { Scope } from '../base/leak-free.js';

export interface ShimServer {
  readonly reserved: string[];
  readonly forgotten: string[];
  close(): void;
}

export interface ShimServerOptions {
  /** What it throws is the answer. */
  onReserve?: (id: string) => void;
  onForget?: (id: string) => Partial<ForgetResponse>;
}

/** A real ttrpc server. The socket's file stays when it is closed, as that of a daemon that was killed. */
export function serveShim(scope: Scope, path: string, options: ShimServerOptions = {}): ShimServer {
  const { onReserve = () => {}, onForget = () => ({}) } = options;
  makeSocketDirectory();
  const listener = new OwnedFd(check(addon.socket_listen(path, 0o600), 'bind', `listen at ${path}`), path);
  const reserved: string[] = [];
  const forgotten: string[] = [];
  const server = serveTtrpc(listener, [
    service(ShimDefinition, {
      reserve({ id }) {
        reserved.push(id);
        onReserve(id);
        return {};
      },
      forget({ id }) {
        forgotten.push(id);
        return { pid: 0, exitStatus: 0, exitedAt: undefined, known: false, ...onForget(id) };
      },
    }),
  ]);
  scope.after(() => server.destroy());
  return { reserved, forgotten, close: () => server.destroy() };
}

/** A server at the path that does not have to speak ttrpc. */
export async function serveRaw(scope: Scope, path: string, onDialer: (dialer: Socket) => void): Promise<Server> {
  makeSocketDirectory();
  const dialers = new Set<Socket>();
  const server = createServer((dialer) => {
    dialers.add(dialer.on('error', () => {}));
    onDialer(dialer);
  }).listen(path);
  scope.after(() => {
    for (const dialer of dialers) dialer.destroy();
    server.close();
  });
  await once(server, 'listening');
  return server;
}
