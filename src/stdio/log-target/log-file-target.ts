/**
 * The log target of a log that this process writes. It reads the pipes in blocks of 64 KiB, which is what a pipe holds.
 * Measured: pipes of 1 MiB (F_SETPIPE_SZ) are no faster, since their bytes leave the processor's cache meanwhile.
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
 * If the disk is slow and the log has no room, the pipes are not read, and the process waits. Errors of the log go to
 * `onError`, and the process goes on.
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
