/*
 * A client can be killed in the middle of a frame, can lose count of its streams, or be no ttrpc client at all. Its own
 * connection ends then and its calls are given up; every other connection must not notice.
 */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { FrameType } from '../../src/ttrpc/frame.js';
import { Code, type RpcError } from '../../src/ttrpc/status.js';
import { type Scope, leakTest } from '../helpers/leak-free.js';
import { type Say, type Served, dialRaw, echo, requestFrame, sayService, serve } from '../helpers/ttrpc.js';
import { waitFor } from '../helpers/wait-for.js';

describe('a broken client', () => {
  const misdeeds: readonly (readonly [string, Parameters<typeof requestFrame>[0]])[] = [
    ['with an even stream id', 8],
    ['with the id of a call in flight', 5],
    ['with a smaller id', 3],
    ['with stream 0', 0],
  ];
  for (const [what, streamId] of misdeeds) {
    leakTest(`${what} is told so, and its connection ends`, async (scope) => {
      const { served, signals, heard } = serveHanging(scope);
      const [bad, good] = [await dialRaw(scope, served.path), await dialRaw(scope, served.path)];
      bad.send(requestFrame(5, 'hang'), requestFrame(streamId, 'x'), requestFrame(9, 'not heard any more'));
      const answer = await bad.answer();
      assert.deepEqual([answer.streamId, answer.status?.code], [streamId, Code.InvalidArgument]);
      await bad.closed;
      await waitFor(() => signals[0]?.aborted, 'the abort of the call in flight');
      good.send(requestFrame(1, 'still here'));
      assert.equal((await good.answer()).bundle, 'still here');
      assert.deepEqual(heard, ['hang', 'still here']);
    });
  }

  leakTest('that does not speak ttrpc ends its own connection alone, and is told of', async (scope) => {
    const { served, signals } = serveHanging(scope);
    const [bad, good] = [await dialRaw(scope, served.path), await dialRaw(scope, served.path)];
    good.send(requestFrame(1, 'hang'));
    await waitFor(() => signals.length === 1, 'the call of the good one');
    bad.send(requestFrame(1, 'hang'));
    await waitFor(() => signals.length === 2, 'both calls');
    bad.socket.write('GET / HTTP/1.1\r\n\r\n');
    await bad.closed;
    assert.deepEqual(served.faults, ['a connection: this is no ttrpc: a frame begins with 474554202f2048545450']);
    assert.deepEqual(
      signals.map((it) => it.aborted),
      [false, true],
    );
    good.send(requestFrame(3, 'still here'));
    assert.equal((await good.answer()).bundle, 'still here');
  });

  leakTest('that leaves in the middle of a frame and of a call aborts its calls', async (scope) => {
    const { served, signals } = serveHanging(scope);
    const client = await dialRaw(scope, served.path);
    client.send(requestFrame(1, 'hang'), requestFrame(3, 'hang'));
    await waitFor(() => signals.length === 2, 'both calls');
    client.socket.end(Buffer.from([0, 0, 0]));
    await waitFor(() => signals.every((it) => it.aborted), 'the aborts');
    assert.deepEqual(
      signals.map((it) => (it.reason as RpcError).code),
      [Code.Canceled, Code.Canceled],
    );
    await client.closed;
    assert.deepEqual(served.faults, []);
  });

  leakTest('that sends frames of streams, or of a protocol to come, is not answered for them', async (scope) => {
    const { served } = serveHanging(scope);
    const client = await dialRaw(scope, served.path);
    const { payload } = requestFrame(1, 'x');
    const others = [0, FrameType.response, 3, 4, 255].map((type) => ({ streamId: 1, type, payload }));
    client.send(...others, requestFrame(1, 'next'));
    assert.deepEqual(await client.answer(), { streamId: 1, status: undefined, bundle: 'next' });
  });
});

/** A call that says `hang` does; its signal is in `signals`. `heard` has what each call said. */
function serveHanging(scope: Scope): { served: Served; signals: AbortSignal[]; heard: string[] } {
  const signals: AbortSignal[] = [];
  const heard: string[] = [];
  const say: Say = (request, context) => {
    heard.push(request.id);
    if (request.id !== 'hang') return echo(request, context);
    signals.push(context.signal);
    return new Promise(() => {});
  };
  return { served: serve(scope, [sayService(say)]), signals, heard };
}
