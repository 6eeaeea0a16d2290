/** Makes up inputs until a time is over. */
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as fc from 'fast-check';

/** `make fuzz` takes longer; see CONTRIBUTING.md. */
export const fuzzSeconds = Number(process.env['FUZZ_SECONDS'] ?? 10);

/**
 * Tries inputs for `fuzzSeconds`, and returns how many. The first that fails is the error, with the seed that makes it
 * again; what it shrinks to follows, as far as the time goes.
 */
export async function fuzz<T>(inputs: fc.Arbitrary<T>, attempt: (input: T) => Promise<void>): Promise<number> {
  let count = 0;
  let last = Promise.resolve();
  let input: T | undefined;
  const counted = (next: T): Promise<void> => {
    count++;
    input = next;
    last = attempt(next);
    return last;
  };
  await fc.assert(fc.asyncProperty(inputs, counted), {
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: fuzzSeconds * 1000,
    markInterruptAsFailure: false,
  });
  // When the time is up it is not waited for, and if it fails then nobody has told of what.
  await last.catch((error: Error) => {
    throw new Error(`${error.message}, with ${fc.stringify(input)}`, { cause: error });
  });
  return count;
}

/** The bytes of `text` with some of them changed, left out or doubled, or as they are. */
export function mangled(bytes: Uint8Array): fc.Arbitrary<Buffer> {
  const change = fc.record({
    at: fc.nat({ max: Math.max(0, bytes.length - 1) }),
    count: fc.nat({ max: 8 }),
    by: fc.uint8Array({ maxLength: 8 }),
  });
  return fc.array(change, { maxLength: 3 }).map((changes) => {
    let whole = Buffer.from(bytes);
    for (const { at, count, by } of changes) {
      whole = Buffer.concat([whole.subarray(0, at), by, whole.subarray(at + count)]);
    }
    return whole;
  });
}

/** Writes each piece in a turn of its own and drops what is answered. The function that is returned waits for the end. */
export async function sendPieces(socket: Socket, pieces: readonly Uint8Array[]): Promise<() => Promise<unknown>> {
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  socket.resume();
  for (const piece of pieces) {
    socket.write(piece);
    await nextTurn();
  }
  return () => closed;
}
