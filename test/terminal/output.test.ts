/*
 * The output for a terminal is read in turns. What could break: a turn that is still scheduled when the user detaches,
 * or when the terminal is gone, reads a descriptor that is closed by then, or another descriptor with the same number,
 * which may block for ever. The tests stop the copy between its first read and the next turn, with more to read.
 */
import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { copyToTerminal } from '../../src/terminal/output.js';
import { addon } from '../../src/native/addon.js';
import { EPOLLIN, watch } from '../../src/os/epoll.js';
import { createPipeEnds } from '../../src/os/pipe.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { within } from '../helpers/base/wait-for.js';

function openPipe(scope: Scope) {
  const { reader: read, writer: write } = createPipeEnds('a test');
  const pipe = { read, write };
  scope.after(() => pipe.read.close());
  scope.after(() => pipe.write.close());
  for (const { fd } of [pipe.read, pipe.write]) addon.fd_set_nonblocking(fd, true);
  return pipe;
}

/** What can be read now. */
function readNow(fd: number): string {
  const block = new Uint8Array(1000);
  return Buffer.from(block.subarray(0, Math.max(0, addon.fd_read(fd, block)))).toString();
}

function setUp(scope: Scope) {
  const [source, sink, signal] = [openPipe(scope), openPipe(scope), openPipe(scope)];
  const ends: unknown[] = [];
  const copy = copyToTerminal({
    source: source.read.fd,
    sink: sink.write.fd,
    isOurs: false,
    onEnd: (end) => ends.push(end),
  });
  scope.after(() => copy.close());
  const say = (text: string): void => void addon.fd_write(source.write.fd, Buffer.from(text));
  /** Settles in the same batch of events in which what was said before is read, before any turn. */
  const afterRead = async (then: () => void): Promise<void> => {
    const told = new Promise<void>((resolve) => {
      const watching = watch(signal.read.fd, EPOLLIN, () => {
        watching?.close();
        then();
        resolve();
      });
      scope.after(() => watching?.close());
    });
    addon.fd_write(signal.write.fd, Buffer.of(1));
    await within(told, 'the event');
    for (let turn = 0; turn < 5; turn++) await nextTurn();
  };
  return { source, sink, copy, ends, say, afterRead };
}

leakTest('a closed copy reads nothing more, whatever turn is scheduled', async (scope) => {
  const { source, sink, copy, say, afterRead } = setUp(scope);
  await nextTurn();
  say('first');
  await afterRead(() => {
    assert.equal(readNow(sink.read.fd), 'first');
    copy.close();
    say('second');
  });
  assert.equal(readNow(sink.read.fd), '');
  assert.equal(readNow(source.read.fd), 'second');
});

leakTest('a copy reads nothing more when the terminal is gone', async (scope) => {
  const { source, sink, ends, say, afterRead } = setUp(scope);
  await nextTurn();
  const gone = afterRead(() => {
    sink.read.close();
    // Behind the read that is in the same batch, and finds nobody to write to.
    queueMicrotask(() => say('second'));
  });
  say('first');
  await gone;
  assert.deepEqual(ends, ['broken']);
  assert.equal(readNow(source.read.fd), 'second');
});

leakTest('a copy without an end copies everything in turns', async (scope) => {
  const { sink, say, afterRead } = setUp(scope);
  await nextTurn();
  let shown = '';
  for (const text of ['one', 'two', 'three']) {
    say(text);
    await afterRead(() => {});
    shown += readNow(sink.read.fd);
  }
  assert.equal(shown, 'onetwothree');
});
