/** A record of a process's output beside whoever reads it. */
import { addon } from '../native/addon.js';
import type { OwnedFd } from '../os/owned-fd.js';
import { check } from '../os/errors.js';
import type { FanOut } from '../stdio/fan-out.js';
import type { Patience } from '../stdio/follower.js';

/** A disk may be slow for a moment. A record that takes nothing at all must not be felt by those who read. */
const forRecord: Patience = { holdMs: 1000, isForProgress: true, graceMs: undefined };

/** Of what it has missed, the last is there still. */
const keptBytes = 128 * 1024;

/** From now on `end`, which is an outlet's and is taken over, gets the output. It must be let go of before the outlet is. */
export function followOutput(fanOut: FanOut, end: OwnedFd, onFault: (error: Error) => void): { close(): void } {
  check(addon.fd_set_nonblocking(end.fd, true), 'fcntl', `make ${end.name} non-blocking`);
  const follower = fanOut.follow({
    sink: end,
    greeting: new Uint8Array(),
    back: 0,
    patience: forRecord,
    onSkipped(bytes) {
      const recent = fanOut.recent(keptBytes);
      const lines = recent.subarray(recent.indexOf(0x0a) + 1);
      const missed = bytes - lines.length;
      return Buffer.concat([
        Buffer.from(`\n[termshim: ${missed} bytes of output came too fast for this log]\n`),
        lines,
      ]);
    },
    onEnd(reason) {
      if (reason instanceof Error) onFault(reason);
    },
  });
  return { close: () => follower?.close() };
}
