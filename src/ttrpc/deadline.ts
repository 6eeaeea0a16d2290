/** The time that a call may take. */

/** setTimeout fires at once for a longer time (24.8 days), and Go's contexts may well have one. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Calls `onPassed` after `timeoutMs`; never if that is 0, or longer than a timer can run.
 *
 * @returns what stops the timer
 */
export function startDeadline(timeoutMs: number, onPassed: () => void): () => void {
  if (timeoutMs === 0 || timeoutMs > longestTimerMs) return () => {};
  const timer = setTimeout(onPassed, Math.ceil(timeoutMs));
  return () => clearTimeout(timer);
}
