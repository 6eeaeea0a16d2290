/** Runs pieces of asynchronous work one after the other. */

/** Starts `work` when all work that came before it has settled. Settles as `work` does. */
export type RunExclusive = <T>(work: () => Promise<T>) => Promise<T>;

/** Returns the function that runs work under the mutex. Work that fails does not keep later work from running. */
export function createMutex(): RunExclusive {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => {});
    return next;
  };
}
