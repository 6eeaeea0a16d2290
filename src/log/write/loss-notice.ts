import type { LogFormat } from '../../native/addon.js';
import type { TermshimError } from '../../errors/errors.js';
import { createEncoder } from '../encoder.js';

/** The entry that a log has in place of lost entries. */
export function lossNotice(format: LogFormat, bytes: number, error: TermshimError | undefined): Uint8Array {
  const reason = error === undefined ? '' : `: ${error.message}`;
  const text = Buffer.from(`[termshim: ${bytes} bytes of this log were lost${reason}]\n`);
  const into = Buffer.alloc(6 * text.length + 1024);
  const encoder = createEncoder(format);
  const { written } = encoder.encode('stderr', text, into);
  encoder.close();
  return into.subarray(0, written);
}
