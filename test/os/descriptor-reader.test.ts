/*
 * Reads until a descriptor is empty, and then waits for an event. What could break: bytes that stay where they are because a
 * read was short and no event follows, as at a tty, which gives one line a read; a FIFO that has no writer yet is taken for
 * one that has ended; bytes are read although the reader is paused or closed. So each kind of source is filled first, and
 * what comes is counted.
 */
import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { addon } from '../../src/native/addon.js';
import { Console } from '../../src/os/console.js';
import { DescriptorReader } from '../../src/os/descriptor-reader.js';
import { createFifo, FifoReader, FifoWriter } from '../../src/os/fifo.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { createPipe } from '../../src/os/pipe.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor } from '../helpers/base/wait-for.js';

interface Reading {
  reader: DescriptorReader;
  blocks: string[];
  text: () => string;
  ends: (Error | undefined)[];
  /** From now on `onBytes` returns this. */
  setRoom: (hasRoom: boolean) => void;
}

function read(scope: Scope, source: number, blockBytes = 1000): Reading {
  let hasRoom = true;
  const blocks: string[] = [];
  const ends: (Error | undefined)[] = [];
  const reader = new DescriptorReader({
    source,
    name: 'a test',
    block: new Uint8Array(blockBytes),
    onBytes(bytes) {
      blocks.push(Buffer.from(bytes).toString());
      return hasRoom;
    },
    onEnd: (error) => ends.push(error),
  });
  scope.after(() => reader.close());
  return { reader, blocks, text: () => blocks.join(''), ends, setRoom: (room) => void (hasRoom = room) };
}

function openPipe(scope: Scope): { source: number; put: (text: string) => void; end: () => void } {
  const { ours, theirs } = createPipe({ ours: 'reader', name: 'a test' });
  scope.after(() => [ours, theirs].forEach((it) => it.close()));
  return { source: ours.fd, put: (text) => addon.fd_write(theirs.fd, Buffer.from(text)), end: () => theirs.close() };
}

async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}

leakTest(
  'all lines that were typed at a tty in canonical mode are read, though each read returns one',
  async (scope) => {
    const master = Console.open({ columns: 80, rows: 24 });
    scope.after(() => master.close());
    const flags = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK;
    const tty = OwnedFd.open(master.name, flags, 'the tty');
    scope.after(() => tty.close());
    addon.fd_write(master.fd, Buffer.from('one\ntwo\nthree\n'));
    const { text } = read(scope, tty.fd);
    await waitFor(() => text() === 'one\ntwo\nthree\n', 'all lines');
  },
);

leakTest('a FIFO without a writer has no end, and one that has lost its writer has', async (scope) => {
  const path = join(temporaryDirectory(scope), 'fifo');
  createFifo(path);
  const fifo = FifoReader.open(path);
  scope.after(() => fifo.close());
  const { text, ends } = read(scope, fifo.fd);
  await someTurns();
  assert.deepEqual(ends, []);
  const writer = await FifoWriter.open(path, { timeoutMs: 1000 });
  addon.fd_write(writer.fd, Buffer.from('last words'));
  writer.close();
  await waitFor(() => ends.length > 0, 'the end');
  assert.deepEqual([text(), ends], ['last words', [undefined]]);
});

leakTest('bytes that need several blocks are all read, and one block in a turn', async (scope) => {
  const { source, put, end } = openPipe(scope);
  put('0123456789');
  end();
  const { reader, blocks, ends } = read(scope, source, 4);
  let atMost = 0;
  while (ends.length === 0) {
    const before = blocks.length;
    await nextTurn();
    atMost = Math.max(atMost, blocks.length - before);
  }
  assert.deepEqual([blocks, atMost], [['0123', '4567', '89'], 1]);
  assert.deepEqual([reader.readBytes, reader.unreadBytes], [10, 0]);
});

leakTest('a paused reader reads nothing before it is resumed, also after a hang-up', async (scope) => {
  const { source, put, end } = openPipe(scope);
  const { reader, text, ends, setRoom } = read(scope, source);
  setRoom(false);
  put('first');
  await waitFor(() => text() === 'first', 'the first bytes');
  put('second');
  end();
  await someTurns();
  assert.deepEqual([text(), reader.unreadBytes, ends], ['first', 6, []]);
  setRoom(true);
  reader.resume();
  await waitFor(() => ends.length > 0, 'the end');
  assert.equal(text(), 'firstsecond');
});

leakTest('a closed reader reads nothing and reports no end', async (scope) => {
  const { source, put, end } = openPipe(scope);
  const { reader, blocks, text, ends } = read(scope, source, 4);
  put('0123456789');
  while (blocks.length === 0) await nextTurn();
  reader.close();
  end();
  reader.resume();
  reader.drain();
  await someTurns();
  assert.deepEqual([text(), ends], ['0123', []]);
});
