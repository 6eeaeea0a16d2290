/** How much one connection may ask for at once. */
import { Code, RpcError } from './status.js';

/**
 * Calls in flight on one connection. Each costs some 4 KiB until it is answered, and ttrpc has no frame that tells of a
 * client that has given up.
 */
export const mostCalls = 4096;

/**
 * Those of them that wait for something to happen, as Wait does: fewer, so that a connection with many waits that were
 * given up can still ask for a Kill.
 */
export const mostWaits = 2048;

const waits = new WeakMap<AbortSignal, number>();

/**
 * Does `work`, which waits for something to happen.
 *
 * @param connection of the call's context
 * @throws an RpcError (ResourceExhausted) if `mostWaits` of the connection are under way
 */
export async function countWait<T>(connection: AbortSignal, work: () => Promise<T>): Promise<T> {
  const count = waits.get(connection) ?? 0;
  if (count >= mostWaits) throw tooMany(`${mostWaits} calls that wait`);
  waits.set(connection, count + 1);
  try {
    return await work();
  } finally {
    waits.set(connection, (waits.get(connection) ?? 1) - 1);
  }
}

export function tooMany(what: string): RpcError {
  return new RpcError(Code.ResourceExhausted, `the connection has ${what} in flight already, which is the most`);
}
