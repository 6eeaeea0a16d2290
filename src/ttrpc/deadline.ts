/** The time that a call may take. */

/** 24.8 days. setTimeout fires at once for a longer time, and a Go context may have a later deadline. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Calls `onPassed` after `timeoutMs`; never if that is 0, or longer than a timer can run.
 *
 * @returns a function that stops the timer
 */
export function startDeadline(timeoutMs: number, onPassed: () => void): () => void {
  if (timeoutMs === 0 || timeoutMs > longestTimerMs) return () => {};
  const timer = setTimeout(onPassed, Math.ceil(timeoutMs));
  return () => clearTimeout(timer);
}
