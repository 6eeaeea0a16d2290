/*
 * If the reader of the output exits, something must still read the output of an external shim. What could break: the
 * FIFO stays full, so the shim and its Delete wait for ever; or the descriptor is closed too early, or never. The tests
 * write to the FIFO with and without an end.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { dropOutput } from '../../../src/client/external-shim/drop-output.js';
import { FifoReader, FifoWriter, createFifo } from '../../../src/os/fifo.js';
import { type Scope, leakTest } from '../../helpers/base/leak-free.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';
import { openDescriptors } from '../../helpers/base/descriptors.js';
import { writeAll } from '../../helpers/copy/write-all.js';

async function openFifo(scope: Scope) {
  const path = join(temporaryDirectory(scope), 'out');
  createFifo(path);
  const reader = FifoReader.open(path);
  const writer = await FifoWriter.open(path, { timeoutMs: 5000 });
  scope.after(() => writer.close());
  const isRead = (): boolean => openDescriptors().filter((it) => it.endsWith(path)).length > 1;
  return { reader, writer, isRead };
}

leakTest('dropped output is read to its end, and the descriptor is closed', async (scope) => {
  const { reader, writer, isRead } = await openFifo(scope);
  dropOutput(reader);
  // As a shim does: many times what a FIFO holds.
  await within(writeAll(writer.fd, Buffer.alloc(4 * 1024 * 1024)), 'all to be taken');
  assert.ok(isRead());
  writer.close();
  await waitFor(() => !isRead(), 'the end');
});

leakTest('dispose closes the descriptor at any time, and again', async (scope) => {
  const { reader, isRead } = await openFifo(scope);
  const dropped = dropOutput(reader);
  dropped[Symbol.dispose]();
  assert.ok(!isRead());
  dropped[Symbol.dispose]();
});
