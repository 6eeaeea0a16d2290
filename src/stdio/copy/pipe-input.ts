/**
 * Copies the stdin of a process without a terminal from a FIFO into a pipe. When the FIFO has ended and all bytes were
 * delivered, the pipe is closed, and the process reads end of file. If the process closes its end, the copy ends
 * without an error.
 */
import type { FifoReader } from '../../os/fifo.js';
import type { OwnedFd } from '../../os/owned-fd.js';
import { type PipeOwner, createPipe } from '../../os/pipe.js';
import { type StreamCopy, copyStream } from './copy-stream.js';

export interface PipeInputOptions {
  /** Taken over, unless the call throws. */
  stdin: FifoReader;
  owner: PipeOwner | undefined;
  /** Closes everything when it aborts. */
  signal: AbortSignal;
}

export interface PipeInput {
  /** The end for the process. Close it when the process has inherited it. */
  readonly theirs: OwnedFd;
  readonly bytes: number;
  /** The error that ended the copy, if it is no normal end. */
  readonly failure: Error | undefined;
  /** Closes stdin and the writing end of the pipe. Idempotent. */
  close(): void;
}

export function copyPipeInput({ stdin, owner, signal }: PipeInputOptions): PipeInput {
  const { ours, theirs } = createPipe({ ours: 'writer', name: 'stdin', owner });
  let copy: StreamCopy | undefined;
  let failure: Error | undefined;
  const close = (): void => {
    copy?.close();
    ours.close();
    stdin.close();
  };
  const onEnd = (end: 'end' | 'broken' | Error): void => {
    if (end instanceof Error) failure = end;
    close();
  };
  try {
    copy = copyStream({ source: stdin.fd, sink: ours.fd, onEnd });
  } catch (error) {
    ours.close();
    theirs.close();
    throw error;
  }
  signal.addEventListener('abort', () => theirs.close(), { once: true });
  signal.addEventListener('abort', close, { once: true });
  return {
    theirs,
    get bytes() {
      return copy.bytes;
    },
    get failure() {
      return failure;
    },
    close,
  };
}
