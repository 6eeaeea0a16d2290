/** Our own stdin, on its way to a session. */
import { isatty } from 'node:tty';
import type { FifoWriter } from '../os/fifo.js';
import { type HostStream, openHostStream } from '../os/host-terminal.js';
import { copyStream } from '../stdio/copy/copy-stream.js';
import { type Outbox, createOutbox } from '../stdio/copy/outbox.js';
import { copyTyping } from './typing.js';

export interface HostInput {
  /** The session's stdin. Undefined for a session that is only looked at: the keys are watched for all the same. */
  sink: FifoWriter | undefined;
  /** What leaves the session, if our stdin is a terminal. Undefined where nothing does. */
  detachKeys: Uint8Array | undefined;
  /**
   * What the end of our stdin does: it closes the sink, or types ^D, as somebody at the terminal would. The sink of a
   * session's client stays open then, since without it the client is gone.
   */
  atEnd: 'close' | 'type-eof';
  /** The sink was closed, for the end of our stdin or since nobody reads it. */
  onClosed?: (() => void) | undefined;
}

/** Starts to copy. Takes over the sink. Returns how to stop, which is idempotent. */
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
  let box: Outbox | undefined;
  const copying = copyStream({
    source: stdin.fd,
    sink: sink.fd,
    onEnd(end) {
      if (end === 'end' && atEnd === 'type-eof') {
        box = createOutbox({ sink: sink.fd });
        box.push(endOfFile(copying.lastByte));
      } else {
        sink.close();
        onClosed();
      }
    },
  });
  return () => {
    copying.close();
    box?.close();
  };
}

/** In the middle of a line the first ^D only sends the line; see termios(3). */
function endOfFile(lastByte: number): Uint8Array {
  const isLineEmpty = lastByte === -1 || lastByte === 0x0a || lastByte === 0x0d;
  return new Uint8Array(isLineEmpty ? 1 : 2).fill(0x04);
}
