/** The log targets of one process: each is opened once, even if both streams go there. */
import type { OwnedFd } from '../../os/owned-fd.js';
import { type OpenLogTarget, type LogTargetOptions } from '../../stdio/log-target/log-target.js';
import { openLogTarget } from '../../stdio/log-target/open-log-target.js';
import { type OutputTarget, pathOfLogTarget } from '../../stdio/log-target/output-target.js';
import { settleWithin } from '../../async/settle-within.js';
import { followed, type LogSubscriber } from './follow-output.js';

export interface OpenLogTargets {
  /** Undefined for a FIFO, and for no target. */
  find(target: OutputTarget | undefined): OpenLogTarget | undefined;
  /** Reopens the files that termshim writes. Returns their paths. Fails with ERR_LOG_FAILED. */
  reopen(): Promise<string[]>;
  /** Call it when the process has inherited its descriptors. Closes all but `ours`, to which this program writes. */
  started(ours: readonly (OwnedFd | undefined)[]): void;
  /**
   * Call it when the process has been reaped. Settles when all its output was passed on, or when the time is up: after
   * `timeoutMs`, but not before 2 s have passed since `copied` settled.
   *
   * @param copied settles when this program has copied its part of the output
   * @param subscribers copy output to a log target besides its own target
   */
  drain(copied: Promise<void>, subscribers: readonly LogSubscriber[], timeoutMs: number): Promise<void>;
  /** Settles when `OpenLogTarget.done` of each log target has settled. */
  readonly done: Promise<unknown>;
  /** As `OpenLogTarget.close`. */
  close(): void;
}

/**
 * How long an exit waits for a log target if the drain timeout is 0, which waits for a reader without end: a disk may
 * hang for ever.
 */
export const logTargetTimeoutMs = 10_000;

/** The least time for a log target to take output that was copied at the last moment. */
const leastMs = 2000;

/**
 * If one log target cannot be opened, none stays open.
 *
 * @param isInherited whether only the process itself writes to the log targets
 */
export async function openLogTargets(
  targets: readonly (OutputTarget | undefined)[],
  isInherited: boolean,
  options: LogTargetOptions,
): Promise<OpenLogTargets> {
  const opened = new Map<OutputTarget, OpenLogTarget>();
  const close = (): void => {
    for (const logTarget of opened.values()) logTarget.close();
  };
  try {
    for (const target of new Set(targets)) {
      if (target !== undefined && target.kind !== 'fifo')
        opened.set(target, await openLogTarget(target, isInherited, options));
    }
  } catch (error) {
    close();
    throw error;
  }
  const logTargets = [...opened.values()];
  return {
    find: (target) => target && opened.get(target),
    async reopen() {
      const reopened = await Promise.all(
        Array.from(opened, async ([target, logTarget]) =>
          (await logTarget.reopen?.()) ? pathOfLogTarget(target) : undefined,
        ),
      );
      return reopened.filter((path) => path !== undefined);
    },
    started(ours) {
      for (const end of logTargets.flatMap(({ stdout, stderr }) => [stdout, stderr]))
        if (!ours.includes(end)) end.close();
    },
    async drain(copied, subscribers, timeoutMs) {
      const begunAt = performance.now();
      await copied;
      const leftMs = timeoutMs - (performance.now() - begunAt);
      const end = async (): Promise<void> => {
        await followed(subscribers);
        await Promise.all(logTargets.map((logTarget) => logTarget.end()));
      };
      await settleWithin(end(), Math.max(leftMs, leastMs));
    },
    done: Promise.all(logTargets.map((logTarget) => logTarget.done)),
    close,
  };
}
