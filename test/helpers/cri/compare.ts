/** Compares the answers of two shims. */
import assert from 'node:assert/strict';
import { type Transcript, differencesOf } from '../shim/transcript.js';

/** For each step, turns the answer of containerd's shim into that of termshim. */
export type Differences = Record<string, (theirs: string) => string>;

/** The runtime is named: there may be several. */
export const namesRuntime = (theirs: string): string =>
  theirs.replaceAll('runtime exec failed: exec failed: ', 'runtime exec failed: runc exec failed: ');

/** The steps must be the same, and every line; what is listed must differ as it says. */
export function assertSame(theirs: Transcript, ours: Transcript, differences: Differences = {}): void {
  const listed = Object.entries(differences).map(([step, change]) => {
    const lines = theirs.get(step) ?? [];
    return [step, [lines, lines.map(change)]] as const;
  });
  assert.deepEqual(differencesOf(theirs, ours), Object.fromEntries(listed));
}
