/** The outlets of one process: each record of its stdio is opened once, whatever goes there. */
import type { OwnedFd } from '../../os/owned-fd.js';
import { type Outlet, type OutletOptions } from '../../stdio/log-target/log-target.js';
import { openOutlet } from '../../stdio/log-target/open-log-target.js';
import { type OutputTarget, pathOfRecord } from '../../stdio/log-target/output-target.js';
import { bounded } from '../../async/settle-within.js';
import { followed, type RecordFollower } from './follow-output.js';

export interface Outlets {
  /** Undefined for what is no record. */
  find(target: OutputTarget | undefined): Outlet | undefined;
  /** Opens the files that we write anew. Returns their paths. Fails with ERR_LOG_FAILED. */
  reopen(): Promise<string[]>;
  /** The process has its ends: ours are closed, but for those that we write to. */
  started(ours: readonly (OwnedFd | undefined)[]): void;
  /**
   * The process has been reaped. Settles when all its output was passed on, or after `timeoutMs` and a little for the rest of
   * what was copied late.
   *
   * @param copied settles when what goes through us has been copied
   * @param followers bring what goes elsewhere to an outlet too
   */
  drain(copied: Promise<void>, followers: readonly RecordFollower[], timeoutMs: number): Promise<void>;
  /** Settles when nobody writes to any of them any more, and all was passed on. */
  readonly done: Promise<unknown>;
  /** As `Outlet.close`. */
  close(): void;
}

/**
 * How long an exit waits for a record, where whoever reads may take their time: a disk that hangs is nobody who could be
 * asked.
 */
export const recordTimeoutMs = 10_000;

/** The least that a record has for what was copied at the last moment. */
const leastMs = 2000;

/**
 * If one cannot be opened, none is.
 *
 * @param isGiven whether only the process itself writes there
 */
export async function openOutlets(
  targets: readonly (OutputTarget | undefined)[],
  isGiven: boolean,
  options: OutletOptions,
): Promise<Outlets> {
  const opened = new Map<OutputTarget, Outlet>();
  const close = (): void => {
    for (const outlet of opened.values()) outlet.close();
  };
  try {
    for (const target of new Set(targets)) {
      if (target !== undefined && target.kind !== 'fifo')
        opened.set(target, await openOutlet(target, isGiven, options));
    }
  } catch (error) {
    close();
    throw error;
  }
  const outlets = [...opened.values()];
  return {
    find: (target) => target && opened.get(target),
    async reopen() {
      const reopened = await Promise.all(
        Array.from(opened, async ([target, outlet]) => ((await outlet.reopen?.()) ? pathOfRecord(target) : undefined)),
      );
      return reopened.filter((path) => path !== undefined);
    },
    started(ours) {
      for (const end of outlets.flatMap(({ stdout, stderr }) => [stdout, stderr])) if (!ours.includes(end)) end.close();
    },
    async drain(copied, followers, timeoutMs) {
      const begunAt = performance.now();
      await copied;
      const leftMs = timeoutMs - (performance.now() - begunAt);
      const end = async (): Promise<void> => {
        await followed(followers);
        await Promise.all(outlets.map((outlet) => outlet.end()));
      };
      await bounded(end(), Math.max(leftMs, leastMs));
    },
    done: Promise.all(outlets.map((outlet) => outlet.done)),
    close,
  };
}
