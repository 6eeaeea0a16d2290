/** Copies a process's output to a second target, a log target, besides its stdout and stderr targets. */
import { setTimeout as delay } from 'node:timers/promises';
import { addon } from '../../native/addon.js';
import type { OwnedFd } from '../../os/owned-fd.js';
import { check } from '../../errors/errors.js';
import type { Broadcast } from '../../stdio/broadcast/broadcast.js';
import type { SlowReaderLimits } from '../../stdio/broadcast/subscriber.js';

/** A disk may be slow for a moment. A log target that takes nothing must not slow down the readers. */
const forLogTarget: SlowReaderLimits = { holdMs: 1000, isForProgress: true, graceMs: undefined };

/** How much of the output that a log target missed is sent to it after all: the last bytes. */
const keptBytes = 128 * 1024;

export interface LogSubscriber {
  /** Bytes that the log target has not taken yet; 0 after `close`. */
  readonly behindBytes: number;
  close(): void;
}

/**
 * Sends the output from now on to `end`, a log target's descriptor, which is taken over. Close this before the log
 * target.
 */
export function followOutput(broadcast: Broadcast, end: OwnedFd, onError: (error: Error) => void): LogSubscriber {
  check(addon.fd_set_nonblocking(end.fd, true), 'fcntl', `make ${end.name} non-blocking`);
  let hasEnded = false;
  const subscriber = broadcast.follow({
    sink: end,
    firstBytes: { bytes: new Uint8Array() },
    replayBytes: 0,
    slowReader: forLogTarget,
    onSkipped(bytes) {
      const recent = broadcast.recent(keptBytes);
      const lines = recent.subarray(recent.indexOf(0x0a) + 1);
      const missed = bytes - lines.length;
      const notice = Buffer.from(`\n[termshim: ${missed} bytes of output are missing: this log was too slow]\n`);
      return { bytes: Buffer.concat([notice, lines]) };
    },
    onEnd(reason) {
      hasEnded = true;
      if (reason instanceof Error) onError(reason);
    },
  });
  return {
    get behindBytes() {
      return hasEnded ? 0 : (subscriber?.behindBytes ?? 0);
    },
    close() {
      hasEnded = true;
      subscriber?.close();
    },
  };
}

/** Settles when all subscribers have taken all output so far. */
export async function followed(subscribers: readonly LogSubscriber[]): Promise<void> {
  while (subscribers.some(({ behindBytes }) => behindBytes > 0)) await delay(pollMs);
}

/** A log target is written as fast as the disk takes it, so it is behind only for moments. */
const pollMs = 10;
