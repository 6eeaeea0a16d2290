/**
 * Two acquisitions at a time, of which both succeed or none stays.
 */
interface Closable {
  close(): void;
}

/**
 * Starts both with one signal. If either fails, or `signal` aborts, the other is aborted, what it acquired all the same
 * is closed, and the first error is thrown; or one whose `cause` it is, if the other had something to add to it.
 */
export async function acquireBoth<A extends Closable, B extends Closable>(
  signal: AbortSignal | undefined,
  acquireA: (signal: AbortSignal) => Promise<A>,
  acquireB: (signal: AbortSignal) => Promise<B>,
): Promise<[A, B]> {
  const failed = new AbortController();
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const acquire = async <T>(start: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    try {
      return await start(either);
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  };
  const [a, b] = await Promise.allSettled([acquire(acquireA), acquire(acquireB)]);
  if (a.status === 'fulfilled' && b.status === 'fulfilled') return [a.value, b.value];
  if (a.status === 'fulfilled') a.value.close();
  if (b.status === 'fulfilled') b.value.close();
  const added = [a, b].find(({ status, reason }: { status: string; reason?: unknown }) => {
    return status === 'rejected' && reason instanceof Error && reason.cause === either.reason;
  }) as PromiseRejectedResult | undefined;
  throw added?.reason ?? either.reason;
}
