/** Limits for the calls on one connection. */
import { Code, RpcError } from './status.js';

/**
 * The most calls in flight on one connection. Each costs some 4 KiB until it is answered, and ttrpc has no frame that
 * cancels a call.
 */
export const mostCalls = 4096;

/**
 * The most calls in flight that wait for an event, as Wait does. It is lower, so that a connection with many waits that
 * were given up can still call Kill.
 */
export const mostWaits = 2048;

const waits = new WeakMap<AbortSignal, number>();

/**
 * Does `work`, which waits for an event.
 *
 * @param connection the signal of that name in the call's context
 * @throws an RpcError (ResourceExhausted) if the connection has `mostWaits` calls that wait
 */
export async function countWait<T>(connection: AbortSignal, work: () => Promise<T>): Promise<T> {
  const count = waits.get(connection) ?? 0;
  if (count >= mostWaits) throw tooMany(`${mostWaits} waiting calls`);
  waits.set(connection, count + 1);
  try {
    return await work();
  } finally {
    waits.set(connection, (waits.get(connection) ?? 1) - 1);
  }
}

export function tooMany(what: string): RpcError {
  return new RpcError(Code.ResourceExhausted, `the connection already has ${what}, which is the limit`);
}
