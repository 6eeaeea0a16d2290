/**
 * The FIFOs of a process that has this command as its only reader, for Create and Exec. Both directions wait for each
 * other, so that nothing is lost however slow the reader is.
 */
import { isatty } from 'node:tty';
import type { FifoReader } from '../os/fifo.js';
import { type Attachment, type AttachOptions, attach } from '../terminal/attach.js';
import { createFifoDirectory } from './fifo-directory.js';
import type { RequestStdio } from './wanted-process.js';

export interface ProcessFifosOptions {
  terminal: boolean;
  /** Whether our stdin is the process's. */
  isInteractive: boolean;
}

export interface ProcessFifos {
  readonly stdio: RequestStdio;
  /** Starts to copy. What comes before the process is there waits for it. */
  connect(events: FifoEvents): Attachment;
  /** The process was made, and has its ends. */
  opened(): void;
  /** For a process that could not be made, before `connect`. */
  close(): void;
}

/** What happens at our side. */
export interface FifoEvents {
  /** Nobody will type any more. */
  onInputEnded: () => void;
  /** Nobody reads an output any more. Takes the FIFO that it came from over. */
  onReaderLeft: (from: FifoReader) => void;
}

/**
 * A reader of ours that leaves is a broken pipe for the process, or hangs up its terminal; the end of our stdin is its own,
 * or ^D. docs/shim.md says what the settings of the URIs mean.
 */
export async function openProcessFifos({ terminal, isInteractive }: ProcessFifosOptions): Promise<ProcessFifos> {
  const directory = createFifoDirectory();
  const sink = isInteractive ? await directory.input('stdin') : undefined;
  const [output, errors] = [directory.output('stdout'), terminal ? undefined : directory.output('stderr')];
  const outputs: AttachOptions['outputs'] = [
    { from: output, to: 1 },
    ...(errors === undefined ? [] : [{ from: errors, to: 2 } as const]),
  ];
  return {
    stdio: {
      terminal,
      stdin: toUri(sink?.path, `hold=no&end=${isatty(0) ? 'hangup' : 'veof'}`),
      stdout: toUri(output.path, 'no-reader=hangup'),
      stderr: toUri(errors?.path, ''),
    },
    connect({ onInputEnded, onReaderLeft }) {
      // Where a terminal is typed at by a program, its end is ^D. Were the sink closed, some shims would hang up.
      const atEnd = terminal && !isatty(0) ? 'type-eof' : 'close';
      const input = sink && ({ sink, detachKeys: undefined, atEnd, onClosed: onInputEnded } as const);
      return attach({ input, isRaw: terminal && isInteractive, outputs, onBroken: onReaderLeft });
    },
    opened: () => directory.opened(),
    close() {
      directory.opened();
      sink?.close();
      for (const { from } of outputs) from.close();
    },
  };
}

function toUri(path: string | undefined, settings: string): string {
  return path === undefined ? '' : `fifo://${path.split('/').map(encodeURIComponent).join('/')}?${settings}`;
}
