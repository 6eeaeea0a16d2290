/**
 * Work that continues after its owner was closed, and must finish before this process exits: a log that is not on disk
 * yet, a log driver that was asked to stop.
 */

/** Tracks work until it settles. Its error is ignored here: the work must report it. */
export function trackBackground(work: Promise<unknown>): void {
  const settled = work.catch(() => {}).finally(() => unfinished.delete(settled));
  unfinished.add(settled);
}

/** Resolves when all tracked work has settled, including work that is added meanwhile. */
export async function backgroundDone(): Promise<void> {
  while (unfinished.size > 0) await Promise.all(unfinished);
}

const unfinished = new Set<Promise<unknown>>();
