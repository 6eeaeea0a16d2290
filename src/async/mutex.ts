/** Runs asynchronous work one after the other. */

export type Queue = <T>(work: () => Promise<T>) => Promise<T>;

/** A queue starts what it is given when all that it was given before has settled, and settles as that does. */
export function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => {});
    return next;
  };
}
