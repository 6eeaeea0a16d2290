/** The page, the list of sessions, and a WebSocket for each terminal. */
import { readFileSync } from 'node:fs';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { messageOf } from '../os/errors.js';
import { createAccess, type Verdict } from './access.js';
import { bridge, type Daemon } from './bridge.js';

export interface WebOptions {
  daemon: Daemon;
  host: string;
  /** 0 for any that is free. */
  port: number;
  /** The directory of the page's files. */
  files: string;
}

export interface WebServer {
  /** With the token that opens the page once. */
  readonly url: string;
  close(): Promise<void>;
}

/** Only what the page itself brings: no other script, no other host. xterm.js makes styles of its own. */
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

/** Settles when it listens. */
export async function serveWeb({ daemon, host, port, files }: WebOptions): Promise<WebServer> {
  const server = createServer();
  await listen(server, host, port);
  const authority = authorityOf(server.address() as AddressInfo);
  const { port: actual } = server.address() as AddressInfo;
  const access = createAccess([authority, `localhost:${actual}`]);
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('request', (request, response) => {
    const verdict = access.judge(request);
    if (verdict.kind !== 'allowed') return answerStranger(response, verdict);
    answer(request, response, { daemon, files }).catch((error: unknown) => say(response, 500, messageOf(error)));
  });
  server.on('upgrade', (request, socket, head) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    // A browser names the page that opens a WebSocket; whoever does not is none.
    const isAllowed = access.judge(request).kind === 'allowed' && request.headers.origin !== undefined;
    if (!isAllowed || pathname !== '/attach') return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    sockets.handleUpgrade(request, socket, head, (opened) => void attach(opened, daemon, searchParams));
  });
  return {
    url: `http://${authority}/?token=${access.token}`,
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
    server.listen(port, host, resolve);
  });
}

function authorityOf({ address, family, port }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

function answerStranger(response: ServerResponse, verdict: Exclude<Verdict, { kind: 'allowed' }>): void {
  if (verdict.kind === 'refused') return say(response, verdict.status, verdict.reason);
  response.writeHead(303, { ...headers, 'set-cookie': verdict.cookie, location: '/' }).end();
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { daemon, files }: Pick<WebOptions, 'daemon' | 'files'>,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  if (request.method !== 'GET') return say(response, 405, 'only GET');
  if (pathname === '/sessions') {
    const { sessions } = await daemon.sessions.list({});
    const text = JSON.stringify(sessions, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value));
    response.writeHead(200, { ...headers, 'content-type': 'application/json' }).end(text);
    return;
  }
  const name = pathname === '/' ? 'index.html' : pathname.slice(1);
  const type = types[name];
  if (type === undefined) return say(response, 404, 'there is no such page');
  response.writeHead(200, { ...headers, 'content-type': type }).end(readFileSync(`${files}/${name}`));
}

function say(response: ServerResponse, status: number, text: string): void {
  if (!response.headersSent) response.writeHead(status, { ...headers, 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

/** The reason of a failure is what the page shows. A close frame has room for 123 bytes of it. */
async function attach(socket: WebSocket, daemon: Daemon, query: URLSearchParams): Promise<void> {
  const number = (name: string): number => Math.min(65_535, Math.max(0, Math.trunc(Number(query.get(name)) || 0)));
  const size = { columns: number('columns'), rows: number('rows') };
  try {
    await bridge(socket, daemon, { id: query.get('id') ?? '', execId: query.get('exec') ?? '', ...size });
    socket.close(1000);
  } catch (error) {
    socket.close(1011, Buffer.from(messageOf(error)).subarray(0, 120).toString());
  }
}
