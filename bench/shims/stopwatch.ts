/** When each step was done, in ms since the first began. */
export type Times = Readonly<Record<string, number>>;

/** Starts it; the function tells how many ms have passed. */
export function stopwatch(): () => number {
  const began = performance.now();
  return () => performance.now() - began;
}
