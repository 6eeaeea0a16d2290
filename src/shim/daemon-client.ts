/**
 * Requests to a daemon that already runs. In most calls none runs, so the ttrpc client is loaded only if there is a
 * socket.
 */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { TermshimError, messageOf } from '../errors/errors.js';
import type { TtrpcConnection } from '../ttrpc/client-connection.js';
import type { Client } from '../ttrpc/client.js';
import type { ForgetResponse, ShimDefinition } from '../ttrpc/gen/termshim/shim.js';
import { isNobodyListening } from '../os/socket-path.js';

/**
 * Asks the daemon at `path` to stay alive until the container is created. False if no daemon listens there. A daemon
 * that is about to end refuses, or closes the connection: it is asked again until it has ended. A daemon that is
 * starting accepts the call before it can answer. Throws ERR_DAEMON_FAILED if there is no answer within `timeoutMs`.
 */
export async function reserve(path: string, id: string, timeoutMs = 10_000): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const leftMs = Math.max(1, Math.ceil(deadline - performance.now()));
    try {
      const answer = await ask(path, (shim) => shim.reserve({ id }, { timeoutMs: leftMs }));
      return answer !== undefined;
    } catch (error) {
      if (performance.now() >= deadline)
        throw failed(`the daemon at ${path} did not accept a container within ${timeoutMs / 1000} s`, error);
      await delay(10);
    }
  }
}

/**
 * Makes the daemon at `path` kill, unmount and forget a container. Undefined if no daemon listens there. Throws
 * ERR_DAEMON_FAILED, also if there is no answer in time.
 */
export async function forget(path: string, id: string, timeoutMs: number): Promise<ForgetResponse | undefined> {
  try {
    return await ask(path, (shim) => shim.forget({ id }, { timeoutMs }));
  } catch (error) {
    throw failed(`the daemon at ${path} did not delete ${id}`, error);
  }
}

/** Whether a daemon listens at `path`. Throws if that cannot be found out. */
export async function isListening(path: string): Promise<boolean> {
  return (await ask(path, async () => true)) ?? false;
}

type Shim = Client<typeof ShimDefinition>;

/** Undefined if no daemon listens. */
async function ask<T>(path: string, question: (shim: Shim) => Promise<T>): Promise<T | undefined> {
  if (!existsSync(path)) return undefined;
  const [{ clientOf, connectTtrpc }, { ShimDefinition }] = await Promise.all([
    import('../ttrpc/client.js'),
    import('../ttrpc/gen/termshim/shim.js'),
  ]);
  let connection: TtrpcConnection;
  try {
    connection = await connectTtrpc(path);
  } catch (error) {
    if (isNobodyListening(error)) return undefined;
    throw error;
  }
  try {
    return await question(clientOf(ShimDefinition, connection));
  } finally {
    connection.close();
  }
}

function failed(what: string, cause: unknown): TermshimError {
  return new TermshimError('ERR_DAEMON_FAILED', `${what}: ${messageOf(cause)}`, { cause });
}
