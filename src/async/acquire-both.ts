/**
 * Acquires two things at the same time: the caller gets both, or neither stays open.
 */
interface Closable {
  close(): void;
}

/**
 * Starts both acquisitions with one signal, which aborts if one of them fails or `signal` aborts. If the other succeeds
 * nevertheless, its result is closed. Throws the first error, or the signal's reason; if an acquisition rejects with an
 * error that has this as its `cause`, throws that error instead.
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
