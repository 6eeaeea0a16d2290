/**
 * What goes on when its owner has let go of it, and must come to its end before this process does: a log that the disk has
 * not taken yet, a program that was told to stop.
 */

/** The work fails only by itself: nobody is told here. */
export function trackBackground(work: Promise<unknown>): void {
  const settled = work.catch(() => {}).finally(() => unfinished.delete(settled));
  unfinished.add(settled);
}

/** Settles when nothing is left of it. */
export async function backgroundDone(): Promise<void> {
  while (unfinished.size > 0) await Promise.all(unfinished);
}

const unfinished = new Set<Promise<unknown>>();
