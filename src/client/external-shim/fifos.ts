/**
 * The FIFOs of a terminal of an external shim. They keep their names as long as the process is known, so that `attach`
 * finds them. The shim holds both FIFOs open, so neither of them ends when a command exits.
 */
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { addon } from '../../native/addon.js';
import { TermshimError, check } from '../../errors/errors.js';
import { FifoReader, FifoWriter, createFifo } from '../../os/fifo.js';
import { directoryOf } from './container-directory.js';
import { type ProcessIds } from '../connection.js';

/** Makes the FIFOs. A shim waits for a reader of the output: keep `reader` open until the shim has opened its end. */
export function makeFifos(ids: ProcessIds): { stdin: string; stdout: string; reader: FifoReader } {
  const [stdin, stdout] = [pathOf(ids, 'stdin'), pathOf(ids, 'stdout')];
  createFifo(stdin);
  createFifo(stdout);
  return { stdin, stdout, reader: FifoReader.open(stdout) };
}

/** What is written stays in the FIFO until the shim reads it, even if the shim has not opened the FIFO yet. */
export async function openInput(ids: ProcessIds): Promise<FifoWriter> {
  const path = pathOf(ids, 'stdin');
  const reader = FifoReader.open(path);
  try {
    const writer = await FifoWriter.open(path, { timeoutMs: 1000 });
    writer.hold();
    return writer;
  } finally {
    reader.close();
  }
}

/**
 * Opens the output. Only one reader at a time can have it open, because two readers would each get a part. Throws
 * ERR_UNSUPPORTED if another command has it open, and ERR_STATE_INVALID if there is no terminal to attach to.
 */
export function openOutput(ids: ProcessIds): FifoReader {
  const path = pathOf(ids, 'stdout');
  const name = ids.execId || ids.id;
  if (!existsSync(path)) {
    const reason = `cannot attach to ${name}: it has no terminal, or the command that started it reads its output`;
    throw new TermshimError('ERR_STATE_INVALID', reason);
  }
  const reader = FifoReader.open(path);
  const answer = addon.fd_lock(reader.fd);
  if (answer >= 0) return reader;
  reader.close();
  if (answer !== -constants.errno.EAGAIN) check(answer, 'flock', `lock ${path}`);
  throw new TermshimError(
    'ERR_UNSUPPORTED',
    `cannot attach to ${name}: it has a client, and an external shim supports only one`,
  );
}

function pathOf(ids: ProcessIds, name: string): string {
  return join(directoryOf(ids), name);
}
