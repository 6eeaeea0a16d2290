/*
 * A client may be killed in the middle of a frame, or may not speak ttrpc at all. Then its own connection ends and its
 * calls are cancelled, and no other connection may be affected. A client with a wrong stream id gets an error on that
 * stream, because its pending calls may be Waits of running containers. A client may also send calls without end. The
 * client here writes its frames by hand.
 */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { FrameType } from '../../src/ttrpc/frame.js';
import { mostCalls } from '../../src/ttrpc/limits.js';
import { Code, type RpcError } from '../../src/ttrpc/status.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { type Say, type Served, dialRaw, echo, requestFrame, sayService, serve } from '../helpers/shim/ttrpc.js';
import { waitFor } from '../helpers/base/wait-for.js';

describe('a broken client', () => {
  const misdeeds: readonly (readonly [string, ReturnType<typeof requestFrame>])[] = [
    ['with an even stream id', requestFrame(8, 'x')],
    ['with the id of a call in flight', requestFrame(5, 'x')],
    ['with a smaller id', requestFrame(3, 'x')],
    ['with stream 0', requestFrame(0, 'x')],
    ['with data for no stream', { ...requestFrame(11, 'x'), type: FrameType.data }],
    ['with data for the stream of a call in flight', { ...requestFrame(5, 'x'), type: FrameType.data }],
    ['with a response on an even stream', { ...requestFrame(2, 'x'), type: FrameType.response }],
  ];
  for (const [what, frame] of misdeeds) {
    leakTest(`${what} gets an error on that stream, and its other calls go on`, async (scope) => {
      const { served, signals, heard } = serveHanging(scope);
      const bad = await dialRaw(scope, served.path);
      bad.send(requestFrame(5, 'hang'), frame, requestFrame(9, 'heard'));
      const answer = await bad.answer();
      assert.deepEqual([answer.streamId, answer.status?.code], [frame.streamId, Code.InvalidArgument]);
      assert.deepEqual(await bad.answer(), { streamId: 9, status: undefined, bundle: 'heard' });
      assert.equal(signals[0]?.aborted, false);
      assert.deepEqual([heard, served.faults], [['hang', 'heard'], []]);
    });
  }

  leakTest('with the maximum number of calls gets an error for the next one until one is answered', async (scope) => {
    const { served, signals, finish } = serveHanging(scope);
    const [bad, good] = [await dialRaw(scope, served.path), await dialRaw(scope, served.path)];
    bad.send(...Array.from({ length: mostCalls }, (_, i) => requestFrame(2 * i + 1, 'hang')));
    await waitFor(() => signals.length === mostCalls, 'every call');
    const next = 2 * mostCalls + 1;
    bad.send(requestFrame(next, 'too many'));
    const answer = await bad.answer();
    assert.deepEqual([answer.streamId, answer.status?.code], [next, Code.ResourceExhausted]);
    good.send(requestFrame(1, 'still here'));
    assert.equal((await good.answer()).bundle, 'still here');
    finish();
    assert.equal((await bad.answer()).bundle, 'hang');
    bad.send(requestFrame(next + 2, 'room again'));
    assert.equal((await bad.answer()).bundle, 'room again');
  });

  leakTest('that does not speak ttrpc loses only its own connection, and is reported', async (scope) => {
    const { served, signals } = serveHanging(scope);
    const [bad, good] = [await dialRaw(scope, served.path), await dialRaw(scope, served.path)];
    good.send(requestFrame(1, 'hang'));
    await waitFor(() => signals.length === 1, 'the call of the good one');
    bad.send(requestFrame(1, 'hang'));
    await waitFor(() => signals.length === 2, 'both calls');
    bad.socket.write('GET / HTTP/1.1\r\n\r\n');
    await bad.closed;
    assert.deepEqual(served.faults, ['a connection: this is not ttrpc: a frame begins with 474554202f2048545450']);
    assert.deepEqual(
      signals.map((it) => it.aborted),
      [false, true],
    );
    good.send(requestFrame(3, 'still here'));
    assert.equal((await good.answer()).bundle, 'still here');
  });

  leakTest('that disconnects in the middle of a frame and of a call aborts its calls', async (scope) => {
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

  leakTest('that sends responses, or frames of a later protocol, gets no answer for them', async (scope) => {
    const { served } = serveHanging(scope);
    const client = await dialRaw(scope, served.path);
    const { payload } = requestFrame(1, 'x');
    const others = [0, FrameType.response, 4, 255].map((type) => ({ streamId: 1, type, payload }));
    client.send(...others, requestFrame(1, 'next'));
    assert.deepEqual(await client.answer(), { streamId: 1, status: undefined, bundle: 'next' });
  });
});

interface Hanging {
  served: Served;
  /** Of the calls that hang. */
  signals: AbortSignal[];
  /** What each call said. */
  heard: string[];
  /** Lets the last one that hangs be answered. */
  finish(): void;
}

/** A call that says `hang` does. */
function serveHanging(scope: Scope): Hanging {
  let finish = (): void => {};
  const signals: AbortSignal[] = [];
  const heard: string[] = [];
  const say: Say = (request, context) => {
    heard.push(request.id);
    if (request.id !== 'hang') return echo(request, context);
    signals.push(context.signal);
    return new Promise((resolve) => {
      finish = () => resolve(echo(request, context));
    });
  };
  return { served: serve(scope, [sayService(say)]), signals, heard, finish: () => finish() };
}
