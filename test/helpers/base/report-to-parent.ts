/** Sends a message from a fixture that runs as a worker to the test. */
import { parentPort } from 'node:worker_threads';

/** Does nothing in a main thread. */
export function reportToParent(message: unknown): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port is no window, and has no origin
  parentPort?.postMessage(message);
}
