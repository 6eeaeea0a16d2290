/*
 * One side writes, the other reads, the pump runs, and the reader leaves and returns, in any order: the bytes that come
 * out must be the bytes that went in. Examples cannot have every order, so fast-check makes them up.
 */
import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import * as fc from 'fast-check';
import { PumpStop, addon } from '../../../src/native/addon.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { type FifoPair, fifoPair } from '../../helpers/copy/fifo-pair.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { pattern } from '../../helpers/copy/pattern.js';

type Step =
  | { readonly kind: 'write' | 'read'; readonly bytes: number }
  | { readonly kind: 'run'; readonly budgetUs: number; readonly toTheEnd: boolean }
  | { readonly kind: 'change reader' };

const size = fc.oneof(
  fc.integer({ min: 1, max: 10 }),
  fc.integer({ min: 1, max: 5000 }),
  fc.integer({ min: 1, max: 150_000 }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), bytes: size }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), bytes: size }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('run' as const),
      budgetUs: fc.constantFrom(1, 10, 1000),
      toTheEnd: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'change reader' as const }) },
);

const source = pattern(2_000_000, 7);

leakTest(
  'a pump between two FIFOs keeps every byte, in any order of writes, reads, runs and changes of the reader',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
        const undos: (() => unknown)[] = [];
        const own = { after: (undo: () => unknown) => void undos.push(undo) };
        try {
          play(steps, fifoPair(own), fifoPair(own));
        } finally {
          for (const undo of undos.toReversed()) undo();
        }
      }),
      { numRuns: 150 },
    );
  },
);

function play(steps: readonly Step[], from: FifoPair, to: FifoPair): void {
  const pump = addon.pump_create(from.reader.fd, to.writer.fd);
  let { reader } = to;
  let sent = 0;
  const got: Buffer[] = [];
  const read = (bytes: number): number => {
    const block = Buffer.alloc(bytes);
    const count = addon.fd_read(reader.fd, block);
    if (count > 0) got.push(block.subarray(0, count));
    return count;
  };
  for (const next of steps) {
    if (next.kind === 'write') {
      sent += Math.max(0, addon.fd_write(from.writer.fd, source.subarray(sent, sent + next.bytes)));
    } else if (next.kind === 'read') {
      read(next.bytes);
    } else if (next.kind === 'run') {
      addon.pump_run(pump, next.budgetUs, next.toTheEnd);
    } else {
      const another = OwnedFd.open(to.path, constants.O_RDONLY | constants.O_NONBLOCK, 'another reader');
      reader.close();
      reader = another;
    }
    const pending = addon.pump_pending(pump);
    assert.ok(pending >= 0 && pending <= 65536, `${pending} bytes wait`);
  }
  from.writer.close();
  for (let stop = -1; stop !== PumpStop.end; ) {
    stop = addon.pump_run(pump, 1000, true) & 0xff;
    while (read(65536) > 0);
  }
  assert.equal(addon.pump_bytes(pump), sent);
  assert.equal(addon.pump_last_byte(pump), sent === 0 ? -1 : source[sent - 1]);
  addon.pump_destroy(pump);
  reader.close();
  const all = Buffer.concat(got);
  assert.ok(all.equals(source.subarray(0, sent)), `${all.length} of ${sent} bytes, or others`);
}
