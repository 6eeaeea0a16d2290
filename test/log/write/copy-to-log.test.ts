/**
 * A log driver reads the output of a container until it ends, or until a signal says that the container has ended while
 * other processes hold the pipe open. What could break: the last bytes before a hang-up are lost, the copy reads
 * although the log is full, or a drain waits for a writer that never ends or leaves bytes in the pipe. The tests fill,
 * close and hold pipes, and count the bytes that arrive.
 */
import assert from 'node:assert/strict';
import { constants, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { addon } from '../../../src/native/addon.js';
import { copyToLog, type LogCopy } from '../../../src/log/write/copy-to-log.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { createPipe } from '../../../src/os/pipe.js';
import { type Scope, leakTest } from '../../helpers/base/leak-free.js';
import { pattern } from '../../helpers/copy/pattern.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

interface Heard {
  copy: LogCopy;
  bytes(): Buffer;
  hasEnded(): boolean;
  /** From now on each write is answered so. */
  setRoom(hasRoom: boolean): void;
}

/** A log that keeps all it is given. */
function listen(source: number): Heard {
  const heard: Buffer[] = [];
  let [hasRoom, hasEnded] = [true, false];
  const log = {
    write(stream: string, bytes: Uint8Array): boolean {
      assert.equal(stream, 'stderr');
      heard.push(Buffer.from(bytes));
      return hasRoom;
    },
    end: () => void (hasEnded = true),
  };
  const copy = copyToLog({ source, stream: 'stderr', log });
  return {
    copy,
    bytes: () => Buffer.concat(heard),
    hasEnded: () => hasEnded,
    setRoom: (room) => void (hasRoom = room),
  };
}

function openPipe(scope: Scope): { reader: OwnedFd; writer: OwnedFd } {
  const { ours: reader, theirs: writer } = createPipe({ ours: 'reader', name: 'a test' });
  addon.fd_set_nonblocking(writer.fd, true);
  scope.after(() => [reader, writer].forEach((end) => end.close()));
  return { reader, writer };
}

const put = (writer: OwnedFd, bytes: Uint8Array): void => assert.equal(addon.fd_write(writer.fd, bytes), bytes.length);

leakTest('the log gets the bytes from before the copy, during the copy, and after the hang-up', async (scope) => {
  const { reader, writer } = openPipe(scope);
  const [before, between, last] = [pattern(70, 1), pattern(60_000, 2), pattern(65_536, 3)];
  put(writer, before);
  const { copy, bytes, hasEnded } = listen(reader.fd);
  await waitFor(() => bytes().length === before.length, 'the first bytes');
  put(writer, between);
  await waitFor(() => bytes().length === before.length + between.length, 'the next bytes');
  put(writer, last);
  writer.close();
  await within(copy.done, 'the end');
  assert.ok(bytes().equals(Buffer.concat([before, between, last])));
  assert.ok(hasEnded());
});

leakTest('the copy of a pipe that is closed without a byte ends', async (scope) => {
  const { reader, writer } = openPipe(scope);
  const { copy, hasEnded } = listen(reader.fd);
  writer.close();
  await within(copy.done, 'the end');
  assert.ok(hasEnded());
});

leakTest('the copy reads nothing while the log is full, and everything afterwards', async (scope) => {
  const { reader, writer } = openPipe(scope);
  const { copy, bytes, setRoom } = listen(reader.fd);
  setRoom(false);
  put(writer, pattern(100, 1));
  await waitFor(() => bytes().length === 100, 'the bytes that fill the log');
  put(writer, pattern(200, 2));
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(bytes().length, 100);
  copy.resume();
  assert.equal(bytes().length, 300);
  put(writer, pattern(300, 3));
  writer.close();
  setRoom(true);
  copy.resume();
  await within(copy.done, 'the end');
  assert.ok(bytes().equals(Buffer.concat([pattern(100, 1), pattern(200, 2), pattern(300, 3)])));
});

leakTest('a drain reads the bytes that are there, and ends although the pipe is open', async (scope) => {
  for (const length of [0, 5, 65_536]) {
    const { reader, writer } = openPipe(scope);
    const { copy, bytes, hasEnded } = listen(reader.fd);
    put(writer, pattern(length));
    copy.drain();
    await within(copy.done, 'the end of the drain');
    assert.ok(bytes().equals(pattern(length)));
    assert.ok(hasEnded());
    copy.drain();
    copy.resume();
  }
});

leakTest('a drain waits for room in the log, and reads only the bytes that were there when it began', async (scope) => {
  const { reader, writer } = openPipe(scope);
  const { copy, bytes, setRoom } = listen(reader.fd);
  setRoom(false);
  put(writer, pattern(10, 1));
  await waitFor(() => bytes().length === 10, 'the bytes that fill the log');
  put(writer, pattern(1000, 2));
  copy.drain();
  put(writer, pattern(500, 3));
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(bytes().length, 10);
  setRoom(true);
  copy.resume();
  await within(copy.done, 'the end of the drain');
  assert.ok(bytes().equals(Buffer.concat([pattern(10, 1), pattern(1000, 2)])));
  assert.equal(addon.fd_unread(reader.fd), 500);
});

leakTest('a file is copied to its end, and a directory is an error', async (scope) => {
  const directory = temporaryDirectory(scope);
  const path = join(directory, 'file');
  writeFileSync(path, pattern(200_000));
  const file = OwnedFd.open(path, constants.O_RDONLY, path);
  scope.after(() => file.close());
  const whole = listen(file.fd);
  await within(whole.copy.done, 'the end');
  assert.ok(whole.bytes().equals(pattern(200_000)));
  const other = OwnedFd.open(directory, constants.O_RDONLY, directory);
  scope.after(() => other.close());
  const none = listen(other.fd);
  await assert.rejects(none.copy.done, { code: 'ERR_SYSTEM', errno: 'EISDIR' });
  assert.ok(none.hasEnded());
});
