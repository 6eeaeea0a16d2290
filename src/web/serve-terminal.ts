/** Serves a WebSocket of the page: the first message must be the secret, then the socket is a terminal. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { messageOf } from '../errors/errors.js';
import { type Access, withoutSecret } from './access.js';
import { bridge, type Daemon } from './bridge.js';

export interface TerminalOptions {
  daemon: Daemon;
  access: Access;
  /** `id`, `exec`, `columns` and `rows`. */
  query: URLSearchParams;
}

/** The longest message of the page, which splits a paste into pieces. */
export const longestMessageBytes = 256 * 1024;

/** How long the page may take to send the secret. */
const secretTimeoutMs = 5000;

/** Settles when the socket is closed, or about to be. Never rejects. */
export async function serveTerminal(socket: WebSocket, { daemon, access, query }: TerminalOptions): Promise<void> {
  // An invalid frame, or a connection that was reset: `close` follows.
  socket.on('error', () => {});
  try {
    if (!access.isSecret(await firstMessage(socket))) return socket.close(policyViolation, withoutSecret.reason);
    const number = (name: string): number => Math.min(65_535, Math.max(0, Math.trunc(Number(query.get(name)) || 0)));
    const size = { columns: number('columns'), rows: number('rows') };
    await bridge(socket, daemon, { id: query.get('id') ?? '', execId: query.get('exec') ?? '', ...size });
    socket.close(1000);
  } catch (error) {
    socket.close(1011, reasonOf(error));
  }
}

/** See RFC 6455, section 7.4.1. */
const policyViolation = 1008;

/** Empty if no message comes in time, or it is not text. */
async function firstMessage(socket: WebSocket): Promise<string> {
  const done = new AbortController();
  const { signal } = done;
  try {
    const message = once(socket, 'message', { signal }) as Promise<[Buffer, boolean]>;
    const nothing = Promise.race([once(socket, 'close', { signal }), delay(secretTimeoutMs, undefined, { signal })]);
    const first = await Promise.race([message, nothing.then(() => undefined)]);
    return first === undefined || first[1] ? '' : first[0].toString();
  } finally {
    done.abort();
  }
}

/** The reason that the page shows. A close frame has room for 123 bytes. */
function reasonOf(error: unknown): string {
  return Buffer.from(messageOf(error)).subarray(0, 120).toString();
}
