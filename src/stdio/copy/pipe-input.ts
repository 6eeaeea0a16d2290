/**
 * The input of a process without a terminal: from a FIFO into a pipe. When the FIFO has ended and all was delivered, the
 * pipe is closed, which is end of file for the process. A process that closes its end just ends the copy.
 */
import type { FifoReader } from '../../os/fifo.js';
import type { OwnedFd } from '../../os/owned-fd.js';
import { type PipeOwner, createPipe } from '../../os/pipe.js';
import { type StreamCopy, copyStream } from './copy-stream.js';

export interface PipeInputOptions {
  /** Taken over, unless it throws. */
  stdin: FifoReader;
  owner: PipeOwner | undefined;
  /** Closes everything now. */
  signal: AbortSignal;
}

export interface PipeInput {
  /** For the process. To be closed when it has inherited it. */
  readonly theirs: OwnedFd;
  readonly bytes: number;
  /** An errno that is no part of a copy's life, if one ended the copy. */
  readonly failure: Error | undefined;
  /** Closes what is ours. Idempotent. */
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
