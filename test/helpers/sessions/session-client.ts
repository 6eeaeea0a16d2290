/** A client of a session in the process of the test: its two FIFOs, and their reader and writer. */
import { join } from 'node:path';
import { createFifo, FifoReader, FifoWriter } from '../../../src/os/fifo.js';
import type { Client } from '../../../src/ttrpc/client.js';
import type { AttachRequest, SessionsDefinition } from '../../../src/ttrpc/gen/termshim/sessions.js';
import type { Scope } from '../base/leak-free.js';
import { type Reader, readFrom } from '../copy/reader.js';
import { temporaryDirectory } from '../base/temporary-directory.js';
import { writeAll } from '../copy/write-all.js';

export interface SessionClient {
  number: number;
  output: Reader;
  type(text: string): Promise<void>;
  /** Both of its ends go, as if it had been killed. Idempotent. */
  leave(): void;
  /** Its stdin alone. */
  stopTyping(): void;
}

/** `80x24` unless it is said otherwise, and replay. */
export async function attachClient(
  scope: Scope,
  sessions: Client<typeof SessionsDefinition>,
  { isReadOnly = false, ...request }: Partial<AttachRequest> & { isReadOnly?: boolean },
): Promise<SessionClient> {
  const directory = temporaryDirectory(scope);
  const [stdin, stdout] = [join(directory, 'in'), join(directory, 'out')];
  createFifo(stdin);
  createFifo(stdout);
  const reader = FifoReader.open(stdout);
  const output = readFrom(reader.fd);
  let writer: FifoWriter | undefined;
  const leave = (): void => {
    output.close();
    reader.close();
    writer?.close();
  };
  scope.after(leave);
  const paths = { stdin: isReadOnly ? '' : stdin, stdout };
  const { client } = await sessions.attach({ columns: 80, rows: 24, replay: true, ...paths, ...request });
  if (!isReadOnly) writer = await FifoWriter.open(stdin, { timeoutMs: 1000 });
  return {
    number: client,
    output,
    type: (text) => writeAll(writer?.fd ?? -1, text),
    leave,
    stopTyping: () => writer?.close(),
  };
}
