/**
 * Records a terminal as an asciicast: its output, its sizes and, if requested, its input. The terminal does not wait
 * for the recording: if the file is too slow, output is left out, and a notice in the recording says so.
 */
import type { Size } from '../../os/console.js';
import type { TerminalSession } from '../../task/io/process-io.js';
import { type CastHeader, createCast, formatHeader } from './asciicast.js';
import { skippedNotice } from '../replay/notice.js';
import type { RecordingFile } from './file.js';
import { safeTail } from '../replay/replay.js';
import { isSameSize } from '../size.js';

export interface RecorderOptions {
  terminal: TerminalSession;
  /** The size of the terminal now, as in `Session.size`. */
  sizeNow: () => Size;
  file: RecordingFile;
  facts: RecordingFacts;
  /** Whether input is recorded, passwords too. */
  withInput: boolean;
  /** The bytes that show what is on the terminal already. */
  present: Uint8Array;
}

/** What the header says of the process. */
export type RecordingFacts = Pick<CastHeader, 'title' | 'command' | 'env'>;

export interface Recorder {
  /** Call it when the size of the terminal may have changed. */
  resized(): void;
  /** Writes what is left; the file stays open. Idempotent. */
  close(): void;
}

/** How many characters may wait for the disk. */
const mostLength = 8 * 1024 * 1024;

export function startRecorder(options: RecorderOptions): Recorder {
  const { terminal, sizeNow, file, facts, withInput, present } = options;
  const start = performance.now();
  const cast = createCast(() => performance.now() - start);
  let size = sizeNow();
  let skippedBytes = 0;

  const follow = (): void => {
    const now = sizeNow();
    if (!isSameSize(now, size)) file.append(cast.resize(now));
    size = now;
  };
  const output = (bytes: Uint8Array): void => {
    // No event reports a size that the program itself has set.
    follow();
    if (file.pendingLength > (skippedBytes > 0 ? mostLength / 2 : mostLength)) skippedBytes += bytes.length;
    else if (skippedBytes > 0) comeBack(bytes);
    else file.append(cast.output(bytes));
  };
  const input = (bytes: Uint8Array): void => {
    if (file.pendingLength <= mostLength) file.append(cast.input(bytes));
  };
  /** Goes on after output was left out: `bytes` may begin inside a sequence. */
  const comeBack = (bytes: Uint8Array): void => {
    const tail = safeTail(bytes, { maxBytes: bytes.length, isWhole: false });
    file.append(cast.output(skippedNotice(skippedBytes + bytes.length - tail.length)));
    file.append(cast.output(tail));
    skippedBytes = 0;
  };

  file.append(formatHeader({ size, startedAt: new Date(), ...facts }));
  file.append(cast.output(present));
  const observing = [terminal.broadcast.observe(output)];
  if (withInput) observing.push(terminal.observeInput(input));
  return {
    resized: follow,
    close() {
      for (const it of observing.splice(0)) it.close();
      if (skippedBytes > 0) file.append(cast.output(skippedNotice(skippedBytes)));
      skippedBytes = 0;
      file.append(cast.end());
    },
  };
}
