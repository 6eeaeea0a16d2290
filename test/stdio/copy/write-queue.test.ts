/*
 * JavaScript may write bytes faster than the reader of a FIFO reads them. No byte may be lost or change its position,
 * however the bytes are cut, and the end of the reader must be reported once and not thrown. The tests write to full
 * FIFOs.
 */
import assert from 'node:assert/strict';
import { createWriteQueue } from '../../../src/stdio/copy/write-queue.js';
import { fifoPair } from '../../helpers/copy/fifo-pair.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { readFrom } from '../../helpers/copy/reader.js';
import { waitFor } from '../../helpers/base/wait-for.js';

leakTest('bytes that do not fit into a FIFO are written later, in order', async (scope) => {
  const { reader, writer } = fifoPair(scope);
  let drained = 0;
  const queue = createWriteQueue({
    fd: writer.fd,
    onDrain: () => void drained++,
    onBroken: () => assert.fail('it is read'),
  });
  scope.after(() => queue.close());
  const sent = Array.from({ length: 300 }, (_, i) => Buffer.alloc(1000 + i, i));
  for (const block of sent) queue.write(block);
  queue.write(new Uint8Array());
  assert.ok(queue.pendingBytes > 100_000);
  const output = readFrom(reader.fd);
  scope.after(() => output.close());
  const all = Buffer.concat(sent);
  assert.ok((await output.hasBytes(all.length)).equals(all));
  await waitFor(() => queue.pendingBytes === 0, 'the queue to be empty');
  assert.ok(drained > 0);
});

leakTest('a reader that leaves is reported once, and later bytes are dropped', async (scope) => {
  const { reader, writer } = fifoPair(scope);
  const broken: unknown[] = [];
  const queue = createWriteQueue({ fd: writer.fd, onBroken: (error) => void broken.push(error) });
  queue.write(Buffer.alloc(100_000));
  reader.close();
  await waitFor(() => broken.length > 0, 'the end');
  queue.write(Buffer.from('to nobody'));
  assert.deepEqual(broken, [undefined]);
  assert.equal(queue.pendingBytes, 0);
  queue.close();
  queue.close();
});

leakTest('close drops pending bytes and reports nothing', async (scope) => {
  const { writer } = fifoPair(scope);
  const queue = createWriteQueue({ fd: writer.fd, onBroken: () => assert.fail('nothing broke') });
  queue.write(Buffer.alloc(100_000));
  queue.close();
  assert.equal(queue.pendingBytes, 0);
});
