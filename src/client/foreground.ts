/**
 * A process that runs in the foreground: our terminal is its own, and its end is ours.
 *
 * Where its output goes to a human's terminal it is a session: others may be attached too, and whoever sits here may leave
 * it. Everywhere else it is a part of a pipeline, whose reader is waited for.
 */
import { isatty } from 'node:tty';
import { TermshimError } from '../errors/errors.js';
import { watchHostSize } from '../os/host-terminal.js';
import type { Attachment } from '../terminal/attach.js';
import { attachSession } from './attach-session.js';
import { type FifoEvents, type ProcessFifos, openProcessFifos } from './process-fifos.js';
import { type WantedProcess, noStdio, orRemove, prepareProcess, resizeProcess } from './wanted-process.js';

export interface ForegroundOptions extends WantedProcess {
  /** Whether our stdin is the process's. */
  isInteractive: boolean;
  detachKeys: Uint8Array;
  signals: ForegroundSignals;
}

export interface ForegroundSignals {
  /** Aborted by a signal that comes before the process takes them. */
  readonly aborted: AbortSignal;
  /** Resolves when somebody insists: the process is killed, and what is under way for it should be dropped. */
  readonly insisted: Promise<void>;
  /** From now on signals go to the process, but for a SIGHUP where `onHangup` is given. Throws if one came before. */
  forwardTo(process: { signal: (number: number) => void; onHangup: (() => void) | undefined }): void;
}

/**
 * Settles with the exit status of the process, which has been removed then; or with undefined, if we have left and it goes
 * on. If it fails, nothing of the process stays.
 */
export async function runInForeground(options: ForegroundOptions): Promise<number | undefined> {
  const { terminal, make } = options;
  const fifos = terminal && isatty(1) ? undefined : await openProcessFifos(options);
  try {
    await make(fifos?.stdio ?? { terminal, ...noStdio });
  } catch (error) {
    fifos?.close();
    throw error;
  }
  return orRemove(options, async () => {
    return await follow(options, fifos);
  });
}

/**
 * Its exit is told while others whom it has left behind may go on writing: the output ends with the last of them, or with
 * Delete, which waits for them a while.
 *
 * @param fifos undefined for a session
 */
async function follow(options: ForegroundOptions, fifos: ProcessFifos | undefined): Promise<number | undefined> {
  const { daemon, signals, id, execId, terminal } = options;
  const { task } = daemon;
  const ids = { id, execId };
  const attached = fifos === undefined ? await join(options) : fifos.connect(fifoEvents(options));
  const stopResizing =
    fifos && terminal ? watchHostSize((it) => void resizeProcess(options, it).catch(ignore)) : ignore;
  try {
    const left = whenLeft(attached, fifos === undefined);
    const exit = task.wait(ids);
    exit.catch(ignore);
    await beforeItEnds(prepareProcess(options, signals.aborted), exit, left.done);
    // A process that is yet to be made takes no signal.
    const refused: number[] = [];
    const send = (signal: number): void => void task.kill({ ...ids, signal }).catch(() => refused.push(signal));
    signals.forwardTo({
      signal: send,
      onHangup: fifos === undefined ? left.leave : undefined,
    });
    // Whoever stopped reading keeps the copy waiting; closing our end is what ends it.
    void signals.insisted.then(() => attached.close());
    await task.start(ids);
    refused.splice(0).forEach(send);
    fifos?.opened();
    const end = await Promise.race([exit, left.done]);
    if (end === undefined) return undefined;
    const seen = Promise.race([attached.done, signals.insisted]);
    seen.catch(ignore);
    await daemon.outputCopied(attached, seen);
    await task.delete(ids);
    await seen;
    return end.exitStatus;
  } finally {
    stopResizing();
    fifos?.opened();
    attached.close();
  }
}

/**
 * A recording may wait for its disk. Meanwhile ^C at a terminal in raw mode is the process's, which ends of it before its
 * start; or somebody leaves.
 */
async function beforeItEnds(preparing: Promise<void>, ...ends: Promise<unknown>[]): Promise<void> {
  preparing.catch(ignore);
  const isOver = await Promise.race([preparing.then(() => false), ...ends.map((end) => end.then(() => true))]);
  if (isOver) throw new TermshimError('ERR_STATE_INVALID', 'it was ended or left before its start');
}

/** Some shims do not see it at the FIFOs. */
function fifoEvents({ daemon, id, execId }: ForegroundOptions): FifoEvents {
  const ids = { id, execId };
  return {
    onInputEnded: () => void daemon.inputEnded(ids).catch(ignore),
    onReaderLeft: (from) => void daemon.readerLeft(ids, from).catch(ignore),
  };
}

/** Before its start, so that not a byte is missed. */
function join({ daemon, id, execId, isInteractive, detachKeys }: ForegroundOptions): Promise<Attachment> {
  const stdin = isInteractive ? 'typed' : 'left';
  return attachSession(daemon, { id, execId, stdin, detachKeys, replay: false });
}

/** `done` resolves when whoever sits here leaves a session: by the keys, or since the terminal is gone. */
function whenLeft(attached: Attachment, isSession: boolean): { done: Promise<undefined>; leave: () => void } {
  let leave = ignore;
  const done = new Promise<undefined>((resolve, reject) => {
    leave = () => resolve(undefined);
    attached.done.then((end) => (isSession && end !== 'ended' ? leave() : undefined), reject);
  });
  done.catch(ignore);
  return { done, leave };
}

/** The process may have ended just now; and who waits for it is told otherwise. */
function ignore(): void {}
