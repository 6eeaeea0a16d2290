/**
 * The FIFOs of a terminal behind another shim. They keep their names for as long as the process is known, so that
 * `attach` finds them; the shim holds both, so that nothing ends when a command leaves.
 */
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { addon } from '../../native/addon.js';
import { TermshimError, check } from '../../errors/errors.js';
import { FifoReader, FifoWriter, createFifo } from '../../os/fifo.js';
import { type ProcessIds, directoryOf } from './container-directory.js';

/** Makes them, and answers their paths. A shim waits for a reader of the output: hold one until it has opened that. */
export function makeFifos(ids: ProcessIds): { stdin: string; stdout: string; reader: FifoReader } {
  const [stdin, stdout] = [pathOf(ids, 'stdin'), pathOf(ids, 'stdout')];
  createFifo(stdin);
  createFifo(stdout);
  return { stdin, stdout, reader: FifoReader.open(stdout) };
}

/** What is written stays in the FIFO until the shim reads, be it not there yet. */
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
 * Two readers of a FIFO would each get a part, so there is only one, until it is closed. Throws ERR_UNSUPPORTED if there is
 * one, and ERR_STATE_INVALID if there is no terminal to be attached to.
 */
export function openOutput(ids: ProcessIds): FifoReader {
  const path = pathOf(ids, 'stdout');
  const name = ids.execId || ids.id;
  if (!existsSync(path)) {
    const reason = `${name} cannot be attached to: it has no terminal, or the command that started it has its output`;
    throw new TermshimError('ERR_STATE_INVALID', reason);
  }
  const reader = FifoReader.open(path);
  const answer = addon.fd_lock(reader.fd);
  if (answer >= 0) return reader;
  reader.close();
  if (answer !== -constants.errno.EAGAIN) check(answer, 'flock', `lock ${path}`);
  throw new TermshimError('ERR_UNSUPPORTED', `somebody is attached to ${name}, and its shim has one client for each`);
}

function pathOf(ids: ProcessIds, name: string): string {
  return join(directoryOf(ids), name);
}
