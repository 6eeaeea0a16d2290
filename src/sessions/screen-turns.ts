/** Turns for the emulators of a process, which are slower than what is copied beside them. */

/** Works until a time of `performance.now()`, or less. Returns whether there is more to do. */
export type Worker = (until: number) => boolean;

/**
 * How long all of them may work in a turn of the event loop: as a pump does, so that a flood costs the copy no more than
 * half of the processor. See budgetUs in src/stdio/flow.ts.
 */
const budgetMs = 0.1;

const busy = new Set<Worker>();
let turn: NodeJS.Immediate | undefined;

/** Asks for turns, after those who have asked already. */
export function askForTurns(worker: Worker): void {
  busy.add(worker);
  turn ??= setImmediate(takeTurn);
}

/** Idempotent. */
export function endTurns(worker: Worker): void {
  busy.delete(worker);
}

function takeTurn(): void {
  const until = performance.now() + budgetMs;
  for (const worker of busy) {
    busy.delete(worker);
    if (worker(until)) busy.add(worker);
    if (performance.now() >= until) break;
  }
  turn = busy.size > 0 ? setImmediate(takeTurn) : undefined;
}
