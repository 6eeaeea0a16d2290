/** Reads stdin, which may contain anything and may never end. */
import { messageOf, TermshimError } from '../errors/errors.js';

export interface StdinLimits {
  maxBytes: number;
  timeoutMs: number;
}

/** Reads all of stdin. Throws ERR_REQUEST_INVALID if it is too long, does not end in time or cannot be read. */
export async function readStdin({ maxBytes, timeoutMs }: StdinLimits): Promise<Buffer> {
  const { stdin } = process;
  const late = refusal(`stdin did not end within ${timeoutMs} ms`);
  const timer = setTimeout(() => stdin.destroy(late), timeoutMs);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of stdin as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw refusal(`stdin has more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    throw error instanceof TermshimError ? error : refusal(`cannot read stdin: ${messageOf(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

function refusal(reason: string): TermshimError {
  return new TermshimError('ERR_REQUEST_INVALID', reason);
}
