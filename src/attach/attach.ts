/**
 * Joins the terminal that we run in to a session's FIFOs: keys go in raw, output comes out as it is.
 */
import type { FifoReader, FifoWriter } from '../os/fifo-stream.js';
import { enterRawMode, openHostStream } from '../os/host-terminal.js';
import { copyStream } from '../stdio/copy-stream.js';

export interface AttachOptions {
  /** The session's stdin. Without one our stdin is left alone, and so are the modes of the terminal. */
  input: FifoWriter | undefined;
  /** The session's stdout. */
  output: FifoReader;
}

export interface Attachment {
  /**
   * Settles when the session has closed its output and all of it was written here, or when nobody reads what we write.
   * The terminal is restored and everything closed by then. Rejects if our stdout fails, a full disk for one.
   */
  readonly done: Promise<void>;
  /** Stops at once, restores the terminal and closes everything. Idempotent; `done` does not settle for it. */
  close(): void;
}

/**
 * Starts to copy both ways. Takes over both FIFOs. The end of our own stdin closes `input`; what that means is the
 * session's to say.
 */
export function attach({ input, output }: AttachOptions): Attachment {
  const stdout = openHostStream(1);
  const stopInput = input === undefined ? undefined : copyInput(input);
  const restore = input === undefined ? undefined : enterRawMode();
  let settle: (end: 'end' | 'broken' | Error) => void;
  const copying = copyStream({ source: output.fd, sink: stdout.fd, onEnd: (end) => settle(end) });
  const close = (): void => {
    copying.close();
    stopInput?.();
    output.close();
    stdout.close();
    restore?.();
  };
  const done = new Promise<void>((resolve, reject) => {
    settle = (end) => {
      close();
      if (end instanceof Error) reject(end);
      else resolve();
    };
  });
  return { done, close };
}

/** Returns how to stop; idempotent. */
function copyInput(input: FifoWriter): () => void {
  const stdin = openHostStream(0);
  const close = (): void => {
    copying.close();
    stdin.close();
    input.close();
  };
  const copying = copyStream({ source: stdin.fd, sink: input.fd, onEnd: close });
  return close;
}
