/**
 * Joins stdin, stdout and stderr of this process to the FIFOs of another one: keys go in, output comes out as it is.
 */
import { isatty } from 'node:tty';
import { TermshimError } from '../errors/errors.js';
import type { FifoReader } from '../os/fifo.js';
import { enterRawMode, openHostStream } from '../os/host-terminal.js';
import { copyStream, type CopyStreamOptions } from '../stdio/copy/copy-stream.js';
import { type HostInput, copyHostInput } from './host-input.js';
import { copyToTerminal } from './output.js';

/** What stdin, stdout and stderr of this process are joined to. */
export interface AttachOptions {
  /** What stdin of this process goes to. Without it stdin is not read. */
  input?: HostInput | undefined;
  /** Whether to put a terminal at stdin into raw mode until the end, so that each key goes to the process as it is. */
  isRaw: boolean;
  /** The outputs of the process. `to` is stdout (1) or stderr (2) of this process. */
  outputs: readonly { from: FifoReader; to: 1 | 2 }[];
  /**
   * Called if nobody reads stdout or stderr of this process any more, with the FIFO that was copied there. The callee closes
   * it. By default it is closed.
   */
  onBroken?: ((from: FifoReader) => void) | undefined;
}

/** `ended`: the process has closed its outputs. `detached`: the keys were typed. `broken`: nobody reads stdout any more. */
export type AttachmentEnd = 'ended' | 'detached' | 'broken';

/** A terminal that is attached. */
export interface Attachment {
  /**
   * Settles when the process's output has ended and was written, when nobody reads it any more, or when the detach keys were
   * typed. By then the terminal is restored and everything is closed. Fails with ERR_SYSTEM if stdout cannot be written.
   */
  readonly done: Promise<AttachmentEnd>;
  /** Whether stdout or stderr takes no more now. */
  readonly isBlocked: boolean;
  /** Stops at once, restores the terminal and closes everything. `done` does not settle then. Idempotent. */
  close(): void;
}

/**
 * Joins stdin, stdout and stderr of this process to the FIFOs of another process: keys go in, output comes out. Takes over
 * the FIFOs. If stdout is a terminal, the modes that the process has set there are undone at the end.
 *
 * @example
 * ```js
 * import { spawn } from 'node:child_process';
 * import { attach, createFifo, FifoReader } from 'termshim';
 *
 * createFifo('out');
 * const from = FifoReader.open('out');
 * spawn('/bin/sh', ['-c', 'echo hello >out']);
 * const end = await attach({ isRaw: false, outputs: [{ from, to: 1 }] }).done;
 * process.stdout.write(`${end}\n`);
 * ```
 */
export function attach({ input, isRaw, outputs, onBroken = (from) => from.close() }: AttachOptions): Attachment {
  let detach: (end: 'detached') => void;
  const detached = new Promise<'detached'>((resolve) => {
    detach = resolve;
  });
  const copies = outputs.map((output) => copyOutput(output, { isRaw, onBroken }));
  const restore = isRaw ? enterRawMode() : undefined;
  const stopInput = input && copyHostInput(input, () => detach('detached'));
  const close = (): void => {
    for (const copy of copies) copy.close();
    stopInput?.();
    restore?.();
  };
  const ends = Promise.all(copies.map(({ done }) => done));
  const ended = ends.then((all) => (all.every((end) => end === 'broken') ? 'broken' : 'ended'));
  return {
    done: Promise.race([detached, ended]).finally(close),
    get isBlocked() {
      return copies.some((copy) => copy.isBlocked());
    },
    close,
  };
}

/** The reader of this process's stdout or stderr may exit early. */
function copyOutput(
  { from, to }: AttachOptions['outputs'][number],
  { isRaw, onBroken }: { isRaw: boolean; onBroken: (from: FifoReader) => void },
): { done: Promise<'ended' | 'broken'>; isBlocked(): boolean; close(): void } {
  const stream = openHostStream(to);
  let settle: (end: 'end' | 'broken' | Error) => void;
  const options: CopyStreamOptions = { source: from.fd, sink: stream.fd, onEnd: (end) => settle(end) };
  const copying = isatty(to) ? copyToTerminal({ ...options, isOurs: isRaw }) : copyStream(options);
  let isGivenAway = false;
  const close = (): void => {
    copying.close();
    if (!isGivenAway) from.close();
    stream.close();
  };
  const done = new Promise<'ended' | 'broken'>((resolve, reject) => {
    settle = (end) => {
      isGivenAway = end !== 'end';
      close();
      if (end instanceof Error && !isHangup(end)) reject(end);
      else resolve(end === 'end' ? 'ended' : 'broken');
      if (isGivenAway) onBroken(from);
    };
  });
  return { done, isBlocked: () => copying.isBlocked, close };
}

/** Whether the terminal was closed. */
function isHangup(error: Error): boolean {
  return error instanceof TermshimError && error.errno === 'EIO';
}
