/*
 * A flow turns a pump's answers into turns of the event loop: it must give the turn back when its budget is used up,
 * must go on by itself afterwards, must stop for good when it is closed, even from inside its own callback, and its
 * numbers must stay right then, when the pump's id may already be another's.
 */
import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { describe } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { addon } from '../../../src/native/addon.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { Flow, type FlowStop } from '../../../src/stdio/copy/flow.js';
import { fifoPair } from '../../helpers/copy/fifo-pair.js';
import { type Scope, leakTest } from '../../helpers/base/leak-free.js';
import { waitFor } from '../../helpers/base/wait-for.js';

interface Started {
  flow: Flow;
  stops: FlowStop[];
  errors: Error[];
}

function start(
  scope: Scope,
  source: number,
  sink: number,
  answer: (stop: FlowStop, flow: Flow) => 'wait' | 'retry' = () => 'wait',
): Started {
  const stops: FlowStop[] = [];
  const errors: Error[] = [];
  const flow: Flow = new Flow({
    source,
    sink,
    onStop(stop) {
      stops.push(stop);
      return answer(stop, flow);
    },
    onError: (error) => errors.push(error),
  });
  scope.after(() => flow.close());
  return { flow, stops, errors };
}

function opened(scope: Scope, path: string, flags: number): number {
  const owned = OwnedFd.open(path, flags, path);
  scope.after(() => owned.close());
  return owned.fd;
}

describe('Flow', () => {
  leakTest('tells each stop, and what it moved', (scope) => {
    const [from, to] = [fifoPair(scope), fifoPair(scope)];
    const { flow, stops } = start(scope, from.reader.fd, to.writer.fd);
    flow.run();
    addon.fd_write(from.writer.fd, Buffer.from('hello'));
    flow.run();
    assert.deepEqual([flow.bytes, flow.lastByte, flow.pendingBytes, flow.isFull], [5, 'o'.charCodeAt(0), 0, false]);
    addon.fd_write(to.writer.fd, new Uint8Array(65536));
    addon.fd_write(from.writer.fd, Buffer.from('more'));
    flow.run();
    assert.deepEqual([flow.bytes, flow.pendingBytes, flow.isFull], [5, 4, true]);
    addon.fd_discard(to.reader.fd, 65536);
    from.writer.close();
    flow.expectEnd();
    flow.run();
    assert.deepEqual([flow.bytes, flow.pendingBytes, flow.isFull], [9, 0, false]);
    to.reader.close();
    assert.deepEqual(stops, ['empty', 'empty', 'full', 'end']);
  });

  leakTest('a source without end gives every turn back, and goes on by itself', async (scope) => {
    const { O_RDONLY, O_WRONLY } = constants;
    const { flow, stops } = start(scope, opened(scope, '/dev/zero', O_RDONLY), opened(scope, '/dev/null', O_WRONLY));
    flow.expectEnd();
    flow.run();
    let moved = flow.bytes;
    for (let i = 0; i < 5; i++) {
      await turn();
      await turn();
      assert.ok(flow.bytes > moved);
      moved = flow.bytes;
    }
    flow.close();
    const { bytes } = flow;
    await turn();
    assert.equal(flow.bytes, bytes);
    assert.deepEqual(stops, []);
  });

  leakTest('retry runs it again in a later turn, not at once', async (scope) => {
    const [from, to] = [fifoPair(scope), fifoPair(scope)];
    const { flow, stops } = start(scope, from.reader.fd, to.writer.fd, () => (stops.length < 3 ? 'retry' : 'wait'));
    flow.run();
    assert.equal(stops.length, 1);
    await waitFor(() => stops.length === 3, 'the retries');
    await turn();
    assert.equal(stops.length, 3);
  });

  leakTest('closed in its own callback, even one that asks for a retry', async (scope) => {
    const [from, to] = [fifoPair(scope), fifoPair(scope)];
    const { flow, stops } = start(scope, from.reader.fd, to.writer.fd, (_, self) => {
      self.close();
      return 'retry';
    });
    flow.run();
    flow.run();
    await turn();
    assert.deepEqual(stops, ['empty']);
  });

  leakTest('closed: the count stays, though the pump’s id has been given to another', (scope) => {
    const [from, to] = [fifoPair(scope), fifoPair(scope)];
    const first = start(scope, from.reader.fd, to.writer.fd);
    addon.fd_write(from.writer.fd, Buffer.from('hello'));
    first.flow.run();
    first.flow.close();
    first.flow.close();
    const second = start(scope, from.reader.fd, to.writer.fd);
    addon.fd_write(from.writer.fd, Buffer.from('to the second'));
    first.flow.run();
    assert.equal(addon.fd_unread(from.reader.fd), 13, 'a closed flow moves nothing');
    second.flow.run();
    assert.deepEqual([first.flow.bytes, second.flow.bytes], [5, 13]);
  });

  leakTest('an errno that is no stop is an error that says which side', (scope) => {
    const { reader, writer } = fifoPair(scope);
    const reading = start(scope, opened(scope, '/', constants.O_RDONLY), writer.fd);
    reading.flow.run();
    const writing = start(scope, reader.fd, opened(scope, '/dev/full', constants.O_WRONLY));
    addon.fd_write(writer.fd, Buffer.from('x'));
    writing.flow.run();
    const told = [...reading.errors, ...writing.errors].map(({ message }) => message);
    assert.equal(told.length, 2);
    assert.match(told[0] as string, /cannot read input.*EISDIR/);
    assert.match(told[1] as string, /cannot write output.*ENOSPC/);
  });
});
