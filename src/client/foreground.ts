/**
 * Runs a process in the foreground: it uses the terminal of this command, and the command ends when it ends.
 *
 * If the process has a terminal and stdout is a terminal, this command is a client of a session: other clients may be
 * attached, and the user may detach. Otherwise the command is part of a pipeline, and the process waits for a slow
 * reader.
 */
import { isatty } from 'node:tty';
import { TermshimError } from '../errors/errors.js';
import { watchHostSize } from '../os/host-terminal.js';
import type { Attachment } from '../terminal/attach.js';
import { attachSession } from './attach-session.js';
import { type FifoEvents, type ProcessFifos, openProcessFifos } from './process-fifos.js';
import { type WantedProcess, noStdio, orRemove, prepareProcess, resizeProcess } from './wanted-process.js';

export interface ForegroundOptions extends WantedProcess {
  /** Whether the stdin of this command goes to the process. */
  isInteractive: boolean;
  detachKeys: Uint8Array;
  signals: ForegroundSignals;
}

export interface ForegroundSignals {
  /** Aborted by a signal that comes before `forwardTo` is called. */
  readonly aborted: AbortSignal;
  /**
   * Resolves when the user insists on the end: the process is killed, and output that is under way should be dropped.
   */
  readonly insisted: Promise<void>;
  /**
   * From here on signals go to the process. If `onHangup` is given, a SIGHUP calls it instead. Throws if a signal came
   * before.
   */
  forwardTo(process: { signal: (number: number) => void; onHangup: (() => void) | undefined }): void;
}

/**
 * Resolves to the exit status when the process has ended and was removed, or to undefined when the user has detached
 * and the process goes on. If it rejects, nothing of the process is left.
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
 * Processes that the ended process has left behind may go on writing after its exit. The output ends with the last of
 * them, or with Delete, which waits for them for a while.
 *
 * @param fifos undefined for a client of a session
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
    // A process that does not exist yet refuses a signal. It gets the signal after its start.
    const refused: number[] = [];
    const send = (signal: number): void => void task.kill({ ...ids, signal }).catch(() => refused.push(signal));
    signals.forwardTo({
      signal: send,
      onHangup: fifos === undefined ? left.leave : undefined,
    });
    // A reader that has stopped reading blocks the copy. Closing this end of it ends the copy.
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
 * Waits for the preparation, which may be slow: a recording may wait for its disk. Meanwhile a ^C goes to the process
 * if the terminal is in raw mode, and may end it before its start; or the user may detach. In both cases this throws.
 */
async function beforeItEnds(preparing: Promise<void>, ...ends: Promise<unknown>[]): Promise<void> {
  preparing.catch(ignore);
  const isOver = await Promise.race([preparing.then(() => false), ...ends.map((end) => end.then(() => true))]);
  if (isOver)
    throw new TermshimError('ERR_STATE_INVALID', 'the process was ended, or you detached, before it was started');
}

/** External shims do not notice these events at the FIFOs. */
function fifoEvents({ daemon, id, execId }: ForegroundOptions): FifoEvents {
  const ids = { id, execId };
  return {
    onInputEnded: () => void daemon.inputEnded(ids).catch(ignore),
    onReaderLeft: (from) => void daemon.readerLeft(ids, from).catch(ignore),
  };
}

/** Attaches before the start, so that no byte is missed. */
function join({ daemon, id, execId, isInteractive, detachKeys }: ForegroundOptions): Promise<Attachment> {
  const stdin = isInteractive ? 'typed' : 'left';
  return attachSession(daemon, { id, execId, stdin, detachKeys, replay: false });
}

/** `done` resolves when the user detaches from a session: by the keys, or because the terminal was closed. */
function whenLeft(attached: Attachment, isSession: boolean): { done: Promise<undefined>; leave: () => void } {
  let leave = ignore;
  const done = new Promise<undefined>((resolve, reject) => {
    leave = () => resolve(undefined);
    attached.done.then((end) => (isSession && end !== 'ended' ? leave() : undefined), reject);
  });
  done.catch(ignore);
  return { done, leave };
}

/** The process may have just ended, and other calls report that. */
function ignore(): void {}
