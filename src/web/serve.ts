/**
 * Serves the page, the list of sessions, and a WebSocket for each terminal. No request or connection ends the server.
 */
import { readFileSync } from 'node:fs';
import { type IncomingMessage, STATUS_CODES, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { messageOf } from '../errors/errors.js';
import { type Access, createAccess, withoutSecret } from './access.js';
import type { Daemon } from './bridge.js';
import { longestMessageBytes, serveTerminal } from './serve-terminal.js';
import { targetOf } from './target.js';

export interface WebOptions {
  daemon: Daemon;
  host: string;
  /** 0 for any free port. */
  port: number;
  /** The directory of the page's files. */
  files: string;
}

export interface WebServer {
  /** Contains the token that opens the page once. */
  readonly url: string;
  close(): Promise<void>;
}

/** Allows only the page's own scripts, and no other host. xterm.js creates inline styles. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; " +
  "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const headers = {
  'content-security-policy': policy,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

const types: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
};

/** A request is a line and some headers, for which a browser does not need longer. */
const limits = { headersTimeout: 10_000, requestTimeout: 10_000, connectionsCheckingInterval: 2000 };

/** How long a client may take to read an answer. */
const answerTimeoutMs = 10_000;

/** There is a limit because any user of this machine can connect. */
const mostConnections = 256;

/** Resolves when the server listens. */
export async function serveWeb({ daemon, host, port, files }: WebOptions): Promise<WebServer> {
  const pages = new Map(Object.keys(types).map((name) => [name, readFileSync(`${files}/${name}`)]));
  const server = createServer(limits);
  server.maxConnections = mostConnections;
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  const authority = authorityOf(address);
  const access = createAccess([authority, `localhost:${address.port}`]);
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: longestMessageBytes,
  });
  server.on('request', (request, response) => {
    limitAnswer(request, response);
    answer(request, response, { daemon, access, pages }).catch((error: unknown) =>
      say(response, 500, messageOf(error)),
    );
  });
  server.on('upgrade', (request, socket, head) => {
    // The connection may be reset while it is refused.
    socket.on('error', () => {});
    const target = targetOf(request.url);
    if (target === undefined) return refuseUpgrade(socket, 400);
    // A browser sends the origin of the page that opens a WebSocket. Other clients are refused.
    const isOurPage = request.headers.origin !== undefined && access.refuseStranger(request.headers) === undefined;
    if (!isOurPage || target.path !== '/attach') return refuseUpgrade(socket, 403);
    sockets.handleUpgrade(request, socket, head, (opened) => {
      void serveTerminal(opened, { daemon, access, query: target.query });
    });
  });
  return {
    url: `http://${authority}/#token=${access.token}`,
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      // A connection could not be accepted because no descriptor was left. The next one may be.
      server.on('error', () => {});
      resolve();
    });
  });
}

function authorityOf({ address, family, port }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

interface Served {
  daemon: Daemon;
  access: Access;
  pages: ReadonlyMap<string, Buffer>;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { daemon, access, pages }: Served,
): Promise<void> {
  const stranger = access.refuseStranger(request.headers);
  if (stranger !== undefined) return say(response, stranger.status, stranger.reason);
  const target = targetOf(request.url);
  if (target === undefined) return say(response, 400, 'the target of the request is not a path');
  const { path } = target;
  const method = path === '/secret' ? 'POST' : 'GET';
  if (request.method !== method) return say(response, 405, `the method must be ${method}`);
  if (path === '/secret') {
    const secret = access.exchange(request.headers);
    return secret === undefined ? say(response, 401, withoutSecret.reason) : say(response, 200, secret);
  }
  if (path === '/sessions') {
    const refusal = access.refuse(request.headers);
    if (refusal !== undefined) return say(response, refusal.status, refusal.reason);
    const { sessions } = await daemon.sessions.list({});
    const text = JSON.stringify(sessions, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value));
    response.writeHead(200, { ...headers, 'content-type': 'application/json' }).end(text);
    return;
  }
  // The page itself is not secret: it is part of the package.
  const name = path === '/' ? 'index.html' : path.slice(1);
  const page = pages.get(name);
  if (page === undefined) return say(response, 404, 'there is no such page');
  response.writeHead(200, { ...headers, 'content-type': types[name] }).end(page);
}

/** Closes a connection that does not read its answer in time: it could ask for many answers and read none. */
function limitAnswer({ socket }: IncomingMessage, response: ServerResponse): void {
  const late = setTimeout(() => socket.destroy(), answerTimeoutMs);
  response.once('close', () => clearTimeout(late));
}

/** Destroys the socket after the answer: this process does not read a socket that is not upgraded, nor see its end. */
function refuseUpgrade(socket: Duplex, status: 400 | 403): void {
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\n\r\n`);
}

function say(response: ServerResponse, status: number, text: string): void {
  if (!response.headersSent) response.writeHead(status, { ...headers, 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}
