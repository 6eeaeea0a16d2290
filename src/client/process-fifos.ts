/**
 * The FIFOs, for Create and Exec, of a process whose only reader is this command. Each side waits for the other, so
 * nothing is lost if the reader is slow.
 */
import { isatty } from 'node:tty';
import type { FifoReader } from '../os/fifo.js';
import { type Attachment, type AttachOptions, attach } from '../terminal/attach.js';
import { createFifoDirectory } from './fifo-directory.js';
import type { RequestStdio } from './wanted-process.js';

export interface ProcessFifosOptions {
  terminal: boolean;
  /** Whether the stdin of this command goes to the process. */
  isInteractive: boolean;
}

export interface ProcessFifos {
  readonly stdio: RequestStdio;
  /** Starts to copy. Input that comes before the process exists waits for it. */
  connect(events: FifoEvents): Attachment;
  /** Call it when the process was made and the daemon has opened the FIFOs. */
  opened(): void;
  /** Call it in place of `connect` if the process could not be made. */
  close(): void;
}

/** What happens at this command's stdin, stdout and stderr. */
export interface FifoEvents {
  /** The input has ended. */
  onInputEnded: () => void;
  /** stdout or stderr has lost its reader. The callee takes over the FIFO of this output. */
  onReaderLeft: (from: FifoReader) => void;
}

/**
 * If the reader of this command's output exits, the process gets a broken pipe, or its terminal hangs up. If stdin of
 * this command ends, stdin of the process ends, or ^D is typed. docs/shim.md describes the settings of the URIs.
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
      // If stdin is not a terminal, its end is typed as ^D at the process's terminal. Some shims would hang up if the
      // sink were closed.
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
