/*
 * A flow turns the answers of a pump into turns of the event loop. It must give the turn back when its budget is used
 * up, must continue by itself afterwards, must stop for ever when it is closed, even inside its own callback, and its
 * counts must stay right then, when another pump may already have the id. The tests force each answer.
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
  leakTest('reports each stop, and the number of moved bytes', (scope) => {
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

  leakTest('gives every turn back with an endless source, and continues by itself', async (scope) => {
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

  leakTest('runs again in a later turn, not at once, after retry', async (scope) => {
    const [from, to] = [fifoPair(scope), fifoPair(scope)];
    const { flow, stops } = start(scope, from.reader.fd, to.writer.fd, () => (stops.length < 3 ? 'retry' : 'wait'));
    flow.run();
    assert.equal(stops.length, 1);
    await waitFor(() => stops.length === 3, 'the retries');
    await turn();
    assert.equal(stops.length, 3);
  });

  leakTest('can be closed in its own callback, even in one that requests a retry', async (scope) => {
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

  leakTest('keeps its count after close, even if another pump has the id', (scope) => {
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

  leakTest('throws an error with the side for an errno that is no stop', (scope) => {
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
