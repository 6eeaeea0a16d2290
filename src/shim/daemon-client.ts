/**
 * What is asked of a daemon that lives already. Most calls come when there is none, so ttrpc is loaded only when there
 * is a socket.
 */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { TermshimError, messageOf } from '../errors/errors.js';
import type { TtrpcConnection } from '../ttrpc/client-connection.js';
import type { Client } from '../ttrpc/client.js';
import type { ForgetResponse, ShimDefinition } from '../ttrpc/gen/termshim/shim.js';

/**
 * The daemon at `path` promises to stay until the container is created. False if there is none: nobody listens. One
 * that is about to end says no, or hangs up, and is asked again until it is gone; a new one takes calls before it can
 * answer them. Throws ERR_DAEMON_FAILED when that has taken too long.
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
        throw failed(`the daemon at ${path} has taken no container for ${timeoutMs / 1000} s`, error);
      await delay(10);
    }
  }
}

/**
 * The daemon at `path` kills, unmounts and forgets a container. Undefined if there is none. Throws ERR_DAEMON_FAILED,
 * also when there is no answer in time.
 */
export async function forget(path: string, id: string, timeoutMs: number): Promise<ForgetResponse | undefined> {
  try {
    return await ask(path, (shim) => shim.forget({ id }, { timeoutMs }));
  } catch (error) {
    throw failed(`the daemon at ${path} has not deleted ${id}`, error);
  }
}

/** Whether somebody listens at `path`. Throws if that cannot be told. */
export async function isListening(path: string): Promise<boolean> {
  return (await ask(path, async () => true)) ?? false;
}

type Shim = Client<typeof ShimDefinition>;

/** Undefined if nobody listens. */
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
    if (isNobody(error)) return undefined;
    throw error;
  }
  try {
    return await question(clientOf(ShimDefinition, connection));
  } finally {
    connection.close();
  }
}

/** A socket whose daemon is dead refuses a connection. EAGAIN says that too many are waiting, and so that it lives. */
function isNobody(error: unknown): boolean {
  const { errno } = error as { errno?: unknown };
  return errno === 'ECONNREFUSED' || errno === 'ENOENT';
}

function failed(what: string, cause: unknown): TermshimError {
  return new TermshimError('ERR_DAEMON_FAILED', `${what}: ${messageOf(cause)}`, { cause });
}
