/** Waits for a promise that many callers wait for, and that may settle much later. */

/**
 * Settles as `promise` does. If the signal aborts first, rejects with its reason and frees the memory of the wait.
 *
 * A promise keeps each reaction that was added to it until it settles. With `then` alone, each abandoned wait for the
 * exit of a container would stay in memory for as long as the container runs.
 */
export function wait<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const waiters = waitersOf(promise);
    const abort = (): void => {
      waiters.delete(waiter);
      reject(signal.reason);
    };
    const waiter = (settled: Promise<T>): void => {
      signal.removeEventListener('abort', abort);
      resolve(settled);
    };
    waiters.add(waiter);
    signal.addEventListener('abort', abort);
  });
}

type Waiter<T> = (settled: Promise<T>) => void;

const waitersByPromise = new WeakMap<Promise<unknown>, Set<Waiter<never>>>();

/** The waiters of a promise share one reaction, which the first waiter adds. */
function waitersOf<T>(promise: Promise<T>): Set<Waiter<T>> {
  const known = waitersByPromise.get(promise);
  if (known !== undefined) return known as Set<Waiter<T>>;
  const waiters = new Set<Waiter<T>>();
  waitersByPromise.set(promise, waiters);
  const tellAll = (): void => {
    for (const waiter of waiters) waiter(promise);
    waiters.clear();
    waitersByPromise.delete(promise);
  };
  promise.then(tellAll, tellAll);
  return waiters;
}
