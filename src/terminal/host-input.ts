/** Copies the stdin of this process to a session. */
import { isatty } from 'node:tty';
import type { FifoWriter } from '../os/fifo.js';
import { type HostStream, openHostStream } from '../os/host-terminal.js';
import { copyStream } from '../stdio/copy/copy-stream.js';
import { type WriteQueue, createWriteQueue } from '../stdio/copy/write-queue.js';
import { copyTyping } from './typing.js';

/** What happens to the stdin of this process. */
export interface HostInput {
  /** The stdin FIFO of the process. Without it nothing is typed, but the detach keys are still looked for. */
  sink?: FifoWriter | undefined;
  /** The bytes that detach if stdin is a terminal, such as 0x10 0x11 for ctrl-p ctrl-q. By default nothing detaches. */
  detachKeys?: Uint8Array | undefined;
  /** What the end of stdin does: `close`, the default, closes the sink; `type-eof` types ^D and leaves the sink open. */
  atEnd?: 'close' | 'type-eof' | undefined;
  /** Called if the sink was closed, because stdin has ended or nobody reads the sink. */
  onClosed?: (() => void) | undefined;
}

/** Starts to copy. Takes over the sink. Returns an idempotent function that stops the copy. */
export function copyHostInput(input: HostInput, onDetach: () => void): () => void {
  const { sink, detachKeys } = input;
  const stdin = openHostStream(0);
  const stop = start();
  return () => {
    stop();
    stdin.close();
    sink?.close();
  };

  function start(): () => void {
    if (detachKeys !== undefined && isatty(0)) {
      return copyTyping({ source: stdin.fd, sink: sink?.fd, detachKeys, onDetach });
    }
    return sink === undefined ? () => {} : copyAll(stdin, sink, input);
  }
}

function copyAll(stdin: HostStream, sink: FifoWriter, { atEnd, onClosed = () => {} }: HostInput): () => void {
  let queue: WriteQueue | undefined;
  const copying = copyStream({
    source: stdin.fd,
    sink: sink.fd,
    onEnd(end) {
      if (end === 'end' && atEnd === 'type-eof') {
        queue = createWriteQueue({ fd: sink.fd, onBroken: () => {} });
        queue.write(endOfFile(copying.lastByte));
      } else {
        sink.close();
        onClosed();
      }
    },
  });
  return () => {
    copying.close();
    queue?.close();
  };
}

/** In the middle of a line the first ^D only sends the line; see termios(3). */
function endOfFile(lastByte: number): Uint8Array {
  const isLineEmpty = lastByte === -1 || lastByte === 0x0a || lastByte === 0x0d;
  return new Uint8Array(isLineEmpty ? 1 : 2).fill(0x04);
}
