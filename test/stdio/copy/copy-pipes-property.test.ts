/*
 * A process writes to its two outputs, closes one and ends in any order, while readers stop, continue, leave and
 * return. Each stream must arrive complete, in order, and apart from the other, and unread bytes must be counted
 * exactly. Examples cannot have every order, so fast-check makes them up; the test itself plays the process.
 */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { addon } from '../../../src/native/addon.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { type Scope, leakTest } from '../../helpers/base/leak-free.js';
import { pattern } from '../../helpers/copy/pattern.js';
import { type PipeSession, type Screen, startPipes } from '../../helpers/copy/pipe-session.js';
import { within } from '../../helpers/base/wait-for.js';

type Step =
  | { readonly kind: 'write'; readonly stream: 0 | 1; readonly bytes: number }
  | { readonly kind: 'pause' | 'resume' | 'change reader' | 'close'; readonly stream: 0 | 1 }
  | { readonly kind: 'turn' };

const stream = fc.constantFrom(0 as const, 1 as const);
const bytes = fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 10_000, max: 100_000 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), stream, bytes }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pause' as const), stream }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resume' as const), stream }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('change reader' as const, 'close' as const), stream }) },
  { weight: 5, arbitrary: fc.constant({ kind: 'turn' as const }) },
);

const sources = [pattern(2_000_000, 3), pattern(2_000_000, 5)] as const;

/** One output: our copy of the process's end, and whoever has read. */
interface Stream {
  end: OwnedFd;
  sent: number;
  source: Buffer;
  screens: Screen[];
}

leakTest('both outputs arrive complete, in any order of writes, pauses, changes of the reader and ends', async () => {
  const readsAtLast = fc.boolean();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), readsAtLast, async (steps, isRead) => {
      const undos: (() => unknown)[] = [];
      const scope = { after: (undo: () => unknown) => void undos.push(undo) };
      try {
        const session = await startPipes(scope, { hasStdin: false, drainTimeoutMs: isRead ? 0 : 1 });
        await play(scope, session, steps, isRead);
      } finally {
        for (const undo of undos.toReversed()) await undo();
      }
    }),
    { numRuns: 100 },
  );
});

async function play(scope: Scope, session: PipeSession, steps: readonly Step[], isRead: boolean): Promise<void> {
  const { copy } = session;
  const streams = [session.stdout, session.stderr].map((screen, index): Stream => {
    const end = new OwnedFd(addon.fd_duplicate(copy.childEnds[index + 1] as number), 'the end of a process');
    scope.after(() => end.close());
    addon.fd_set_nonblocking(end.fd, true);
    return { end, sent: 0, source: sources[index] as Buffer, screens: [screen] };
  });
  copy.started();
  for (const next of steps) {
    if (next.kind === 'turn') await turn();
    else take(streams[next.stream] as Stream, next);
  }
  for (const { screens } of streams) if (isRead) screens.at(-1)?.resume();
  copy.processEnded();
  // Those whom a process has left behind write on.
  await within(Promise.race([copy.drained, copy.done]), 'what the process wrote');
  for (const one of streams) {
    if (isRead && one.end.isOpen) take(one, { kind: 'write', stream: 0, bytes: 3000 });
    one.end.close();
  }
  const result = await within(copy.done, 'the end');
  let missing = 0;
  for (const { source, sent, screens } of streams) {
    screens.at(-1)?.resume();
    await screens.at(-1)?.all();
    const got = Buffer.concat(screens.map((screen) => screen.bytes()));
    assert.ok(got.equals(source.subarray(0, got.length)), 'other bytes came than were sent');
    missing += sent - got.length;
  }
  assert.equal(result.undeliveredBytes, missing);
  assert.equal(result.stdoutBytes, (streams[0]?.sent ?? 0) + (streams[1]?.sent ?? 0) - missing);
  if (isRead) assert.equal(missing, 0);
}

function take(on: Stream, next: Exclude<Step, { kind: 'turn' }>): void {
  if (next.kind === 'pause') on.screens.at(-1)?.pause();
  if (next.kind === 'resume') on.screens.at(-1)?.resume();
  if (!on.end.isOpen) return;
  if (next.kind === 'write') {
    on.sent += Math.max(0, addon.fd_write(on.end.fd, on.source.subarray(on.sent, on.sent + next.bytes)));
  } else if (next.kind === 'close') {
    on.end.close();
  } else if (next.kind === 'change reader') {
    on.screens.at(-1)?.leave();
    on.screens.push((on.screens.at(-1) as Screen).return());
  }
}
