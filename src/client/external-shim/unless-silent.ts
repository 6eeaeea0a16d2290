/** Notices that a shim hangs while a request to it may take any time. */
import { setTimeout as delay } from 'node:timers/promises';
import type { TtrpcConnection } from '../../ttrpc/client-connection.js';
import { Code, RpcError } from '../../ttrpc/status.js';

/** How often the shim is asked for a sign of life. */
const pingIntervalMs = 2000;

/** A process that has not answered after this time hangs, even on a busy machine. */
const pingTimeoutMs = 8000;

/**
 * Does the work. If the shim answers nothing for 8 s meanwhile, aborts the signal of the work with the error of `fail`.
 *
 * @param service the full name of a service of the shim
 */
export async function unlessSilent<T>(
  { connection, service, fail }: { connection: TtrpcConnection; service: string; fail: () => Error },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const [isDone, isSilent] = [new AbortController(), new AbortController()];
  void watch();
  try {
    return await work(isSilent.signal);
  } finally {
    isDone.abort();
  }

  async function watch(): Promise<void> {
    const { signal } = isDone;
    while (!signal.aborted) {
      await delay(pingIntervalMs, undefined, { signal }).catch(() => {});
      // Any answer is a sign of life, and the error of an unknown method waits for no lock that the request may hold.
      await connection.call(service, 'Ping', new Uint8Array(), { timeoutMs: pingTimeoutMs, signal }).catch((error) => {
        if (error instanceof RpcError && error.code === Code.DeadlineExceeded) isSilent.abort(fail());
      });
    }
  }
}
