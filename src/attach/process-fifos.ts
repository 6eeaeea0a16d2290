/**
 * The FIFOs of a process that has this command as its only reader, for Create and Exec. Both directions wait for each
 * other, so that nothing is lost however slow the reader is.
 */
import { isatty } from 'node:tty';
import type { FifoWriter } from '../os/fifo-stream.js';
import { type Attachment, type AttachOptions, attach } from './attach.js';
import { createFifoPlace } from './fifo-place.js';
import type { RequestStdio } from './wanted-process.js';

export interface ProcessFifosOptions {
  terminal: boolean;
  /** Whether our stdin is the process's. */
  isInteractive: boolean;
}

export interface ProcessFifos {
  readonly stdio: RequestStdio;
  /** Starts to copy. To be called when the daemon has opened them. */
  connect(): Promise<Attachment>;
  /** For a process that could not be made. */
  close(): void;
}

/**
 * A reader of ours that leaves is a broken pipe for the process, or hangs up its terminal; the end of our stdin is its own,
 * or ^D. docs/shim.md says what the settings of the URIs mean.
 */
export function openProcessFifos({ terminal, isInteractive }: ProcessFifosOptions): ProcessFifos {
  const place = createFifoPlace();
  const [output, errors] = [place.output('stdout'), terminal ? undefined : place.output('stderr')];
  const input = isInteractive ? place.input('stdin') : undefined;
  const outputs: AttachOptions['outputs'] = [
    { from: output.reader, to: 1 },
    ...(errors === undefined ? [] : [{ from: errors.reader, to: 2 } as const]),
  ];
  const close = (): void => {
    for (const { from } of outputs) from.close();
    place.remove();
  };
  return {
    stdio: {
      terminal,
      stdin: toUri(input?.path, `hold=no&end=${isatty(0) ? 'hangup' : 'veof'}`),
      stdout: toUri(output.path, 'no-reader=hangup'),
      stderr: toUri(errors?.path, ''),
    },
    async connect() {
      try {
        const sink: FifoWriter | undefined = await input?.open();
        place.remove();
        const isRaw = terminal && isInteractive;
        return attach({ input: sink && { sink, detachKeys: undefined, atEnd: 'close' }, isRaw, outputs });
      } catch (error) {
        close();
        throw error;
      }
    },
    close,
  };
}

function toUri(path: string | undefined, settings: string): string {
  return path === undefined ? '' : `fifo://${path.split('/').map(encodeURIComponent).join('/')}?${settings}`;
}
