/**
 * The log target of a log that is written here: what a process writes to the pipes is read in blocks of 64 KiB, as much as they
 * hold. Measured: pipes of 1 MiB (F_SETPIPE_SZ) are no faster, since their bytes leave the processor's cache meanwhile.
 */
import { copyToLog, type LogCopy } from '../../log/write/copy-to-log.js';
import type { Log, LogEvents } from '../../log/write/log.js';
import type { OwnedFd } from '../../os/owned-fd.js';
import { createPipe } from '../../os/pipe.js';
import { trackBackground } from '../../async/background.js';
import { discardRest } from '../copy/discard-rest.js';
import { haveWriters } from '../copy/have-writers.js';
import type { OpenLogTarget, LogTargetOptions, OutputStream } from './log-target.js';

/**
 * A slow disk stops the reading, and so the process, when there is as much as the log takes. What goes wrong with the log
 * is told, and the process goes on.
 */
export async function openLogFileTarget(
  open: (events: Required<LogEvents>) => Promise<Log>,
  { owner, onError }: LogTargetOptions,
): Promise<OpenLogTarget> {
  const inputs = new Map<OutputStream, { theirs: OwnedFd; ours: OwnedFd; copy: LogCopy }>();
  const log = await open({
    onRoom() {
      for (const { copy } of inputs.values()) copy.resume();
    },
    onError,
  });
  let resolveDone = (): void => {};
  const done = new Promise<void>((resolve) => {
    resolveDone = resolve;
  });
  let openStreams = 0;
  let isFinished = false;
  const begin = (stream: OutputStream): OwnedFd => {
    const { ours, theirs } = createPipe({ ours: 'reader', name: stream, owner });
    openStreams++;
    const copy = copyToLog({ source: ours.fd, stream, log });
    const ended = (): void => {
      ours.close();
      if (--openStreams === 0) void finish();
    };
    copy.done.catch(onError).then(ended, ended);
    inputs.set(stream, { theirs, ours, copy });
    return theirs;
  };
  const finish = async (): Promise<void> => {
    isFinished = true;
    await log.close().catch(onError);
    resolveDone();
  };
  const close = (): void => {
    for (const { theirs, ours, copy } of inputs.values()) {
      copy.close();
      theirs.close();
      discardRest(ours);
    }
    trackBackground(finish());
  };
  try {
    return {
      stdout: begin('stdout'),
      stderr: begin('stderr'),
      done,
      async end() {
        const streams = [...inputs.values()];
        await Promise.all(streams.map(({ copy }) => copy.caughtUp()));
        await ((await haveWriters(streams.map(({ ours }) => ours))) ? log.flush() : done);
      },
      async reopen() {
        if (isFinished) return false;
        await log.reopen();
        return true;
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}
