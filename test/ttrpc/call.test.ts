/*
 * A server that lives as long as its containers meets every kind of client: one that calls an unknown method, sends too
 * much, dies in the middle of a call, or sends garbage. Each must be answered as by gRPC, on its own stream, and none
 * may disturb another call or another connection. The client here makes its frames by hand.
 */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { TermshimError } from '../../src/errors/errors.js';
import { FrameType, encodeFrame, maxPayloadBytes } from '../../src/ttrpc/frame.js';
import { StateRequest, StateResponse } from '../../src/ttrpc/gen/containerd/task.js';
import type { Request } from '../../src/ttrpc/gen/ttrpc.js';
import type { Status } from '../../src/ttrpc/gen/google/rpc/status.js';
import { message } from '../../src/ttrpc/message.js';
import { Code, RpcError, errorOf } from '../../src/ttrpc/status.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { type Say, type Served, dialRaw, echo, requestFrame, sayService, serve } from '../helpers/shim/ttrpc.js';

const serveSay = (scope: Scope, say: Say): Served => serve(scope, [sayService(say)]);

describe('a call', () => {
  leakTest('is answered on its stream, without a status', async (scope) => {
    const client = await dialRaw(scope, serveSay(scope, echo).path);
    client.send(requestFrame(1, 'hello'));
    assert.deepEqual(await client.answer(), { streamId: 1, status: undefined, bundle: 'hello' });
  });

  leakTest('runs at once, beside earlier calls', async (scope) => {
    const waiting: (() => void)[] = [];
    const say: Say = async ({ id }) => {
      if (id.startsWith('slow')) await new Promise<void>((resolve) => void waiting.push(resolve));
      return message(StateResponse, { bundle: id });
    };
    const client = await dialRaw(scope, serveSay(scope, say).path);
    client.send(requestFrame(1, 'slow 1'), requestFrame(3, 'slow 2'), requestFrame(7, 'quick'));
    assert.equal((await client.answer()).bundle, 'quick');
    waiting[1]?.();
    assert.deepEqual(await client.answer(), { streamId: 3, status: undefined, bundle: 'slow 2' });
    waiting[0]?.();
    assert.deepEqual(await client.answer(), { streamId: 1, status: undefined, bundle: 'slow 1' });
  });

  leakTest('may come byte by byte', async (scope) => {
    const client = await dialRaw(scope, serveSay(scope, echo).path);
    for (const byte of encodeFrame(requestFrame(1, 'drop by drop'))) {
      await new Promise((resolve) => client.socket.write(Buffer.of(byte), resolve));
    }
    assert.equal((await client.answer()).bundle, 'drop by drop');
  });

  /*
   * containerd from 2.0 on appends the details of an error to its text: `proto: not found`, and the bytes. Whatever fails, at
   * whichever step, comes to it without; to a client of ours with the code of the error.
   */
  leakTest('that fails has details for a client that requests them, and for no other', async (scope) => {
    const say: Say = ({ id }) => {
      if (id === 'bug') throw new TypeError('x is undefined');
      throw id === 'rpc' ? new RpcError(Code.NotFound, 'no') : new TermshimError('ERR_SYSTEM', 'no');
    };
    const client = await dialRaw(scope, serveSay(scope, say).path);
    const failing: Partial<Request>[] = [
      ...['bug', 'rpc', 'termshim'].map((id) => ({
        payload: StateRequest.encode(message(StateRequest, { id })).finish(),
      })),
      { service: 'none' },
      { method: 'None' },
      { payload: Buffer.from([0x0a]) },
      { timeoutNano: -1n },
    ];
    const containerds = [{ key: 'containerd-namespace-ttrpc', value: 'default' }];
    const ours = [...containerds, { key: 'termshim-details', value: 'yes' }];
    let streamId = 1;
    for (const fields of failing) {
      for (const [metadata, details] of [
        [[], []],
        [containerds, []],
        [ours, ['termshim.v1.Failure']],
      ] as const) {
        client.send(requestFrame(streamId, '', { ...fields, metadata: [...metadata] }));
        const { status } = await client.answer();
        assert.notEqual(status?.message, '');
        assert.deepEqual(
          status?.details.map((it) => it.typeUrl),
          details,
        );
        streamId += 2;
      }
    }
    client.send({ streamId: streamId + 1, type: FrameType.request, payload: new Uint8Array(0) });
    client.send({ streamId: streamId + 2, type: FrameType.request, payload: Buffer.from([0x0a]) });
    for (const _ of [1, 2]) assert.deepEqual((await client.answer()).status?.details, []);
  });

  leakTest('has defaults for missing fields, and its metadata', async (scope) => {
    const seen: unknown[] = [];
    const say: Say = (request, { metadata, signal }) => {
      seen.push(request, [...metadata], signal.aborted);
      return message(StateResponse);
    };
    const client = await dialRaw(scope, serveSay(scope, say).path);
    const metadata = [{ key: 'containerd-namespace-ttrpc', value: 'default' }];
    client.send(requestFrame(1, '', { payload: new Uint8Array(0), metadata }));
    await client.answer();
    assert.deepEqual(seen, [{ id: '', execId: '' }, [['containerd-namespace-ttrpc', 'default']], false]);
  });

  const errors: readonly (readonly [string, unknown, number, string])[] = [
    ['an RpcError', new RpcError(Code.NotFound, 'no task'), Code.NotFound, 'no task'],
    ['a TermshimError', new TermshimError('ERR_ID_INVALID', 'bad id'), Code.InvalidArgument, 'bad id'],
    ['anything else', new TypeError('a bug'), Code.Unknown, 'a bug'],
  ];
  for (const [what, error, code, words] of errors) {
    leakTest(`that throws ${what} has its status`, async (scope) => {
      const say: Say = ({ id }) => {
        if (id === 'now') throw error;
        return Promise.reject(error);
      };
      const { path, faults } = serveSay(scope, say);
      const client = await dialRaw(scope, path);
      client.send(requestFrame(1, 'now'), requestFrame(3, 'later'));
      for (const streamId of [1, 3]) {
        const { status, ...rest } = await client.answer();
        assert.deepEqual(rest, { streamId, bundle: '' });
        const told = errorOf(status as Status);
        assert.deepEqual([told.code, told.message], [code, words]);
      }
      const fault = 'test.Words/Say: a bug';
      assert.deepEqual(faults, code === Code.Unknown ? [fault, fault] : []);
    });
  }

  const refusals: readonly (readonly [string, Parameters<typeof requestFrame>[2], number, RegExp])[] = [
    ['for an unknown service', { service: 'test.Nothing' }, Code.Unimplemented, /no service test\.Nothing/],
    ['for an unknown method', { method: 'say' }, Code.Unimplemented, /test\.Words has no method say/],
    ['with a broken payload', { payload: Buffer.from([0x0a]) }, Code.InvalidArgument, /not a containerd.*StateRequest/],
    ['with a deadline that has passed', { timeoutNano: -1n }, Code.DeadlineExceeded, /deadline of test\.Words\/Say/],
  ];
  for (const [what, fields, code, words] of refusals) {
    leakTest(`${what} is refused without running, and the next one is answered`, async (scope) => {
      const ran: string[] = [];
      const { path, faults } = serveSay(scope, (request, context) => {
        ran.push(request.id);
        return echo(request, context);
      });
      const client = await dialRaw(scope, path);
      client.send(requestFrame(1, 'x', fields), requestFrame(3, 'next'));
      const refused = await client.answer();
      assert.equal(refused.streamId, 1);
      assert.equal(refused.status?.code, code);
      assert.match(refused.status?.message ?? '', words);
      assert.equal((await client.answer()).bundle, 'next');
      assert.deepEqual([ran, faults], [['next'], []]);
    });
  }

  leakTest('that is no Request is refused, and the next one is answered', async (scope) => {
    const client = await dialRaw(scope, serveSay(scope, echo).path);
    client.send({ streamId: 1, type: FrameType.request, payload: Buffer.from([0x0a, 0xff]) }, requestFrame(3, 'next'));
    assert.equal((await client.answer()).status?.code, Code.InvalidArgument);
    assert.equal((await client.answer()).bundle, 'next');
  });
});

describe('the limit of 4 MiB', () => {
  leakTest('allows a request of exactly that size', async (scope) => {
    const client = await dialRaw(scope, serveSay(scope, () => message(StateResponse, { bundle: 'got it' })).path);
    const around = requestFrame(1, '', { payload: new Uint8Array(1_000_000) }).payload.length - 1_000_000;
    const payload = StateRequest.encode({ id: 'x'.repeat(maxPayloadBytes - around - 6), execId: '' }).finish();
    const frame = requestFrame(1, '', { payload });
    assert.ok(maxPayloadBytes - frame.payload.length < 4, `${frame.payload.length}`);
    client.send(frame);
    assert.equal((await client.answer()).bundle, 'got it');
  });

  leakTest('makes a longer request fail with ResourceExhausted, and the connection stays open', async (scope) => {
    const client = await dialRaw(scope, serveSay(scope, echo).path);
    const long = { streamId: 1, type: FrameType.request, payload: Buffer.alloc(maxPayloadBytes + 1) };
    client.send(long, requestFrame(3, 'next'));
    const refused = await client.answer();
    assert.deepEqual([refused.streamId, refused.status?.code], [1, Code.ResourceExhausted]);
    assert.equal((await client.answer()).bundle, 'next');
  });

  leakTest('makes a longer response fail with ResourceExhausted, and the connection stays open', async (scope) => {
    const say: Say = ({ id }) => message(StateResponse, { bundle: 'x'.repeat(Number(id)) });
    const client = await dialRaw(scope, serveSay(scope, say).path);
    client.send(requestFrame(1, `${maxPayloadBytes}`), requestFrame(3, '5'));
    const refused = await client.answer();
    assert.deepEqual([refused.streamId, refused.status?.code], [1, Code.ResourceExhausted]);
    assert.equal((await client.answer()).bundle, 'xxxxx');
  });
});

describe('a deadline', () => {
  leakTest('ends the call when it passes, aborts the context, and nothing is sent after it', async (scope) => {
    const reasons: unknown[] = [];
    let finish = (): void => {};
    const say: Say = async (request, context) => {
      if (request.id === 'next') return echo(request, context);
      context.signal.addEventListener('abort', () => void reasons.push(context.signal.reason));
      await new Promise<void>((resolve) => (finish = resolve));
      throw new Error('too late to be told');
    };
    const { path, faults } = serveSay(scope, say);
    const client = await dialRaw(scope, path);
    client.send(requestFrame(1, 'slow', { timeoutNano: 20_000_000n }));
    const answer = await client.answer();
    assert.deepEqual([answer.streamId, answer.status?.code], [1, Code.DeadlineExceeded]);
    assert.equal((reasons[0] as RpcError).code, Code.DeadlineExceeded);
    finish();
    client.send(requestFrame(3, 'next'));
    assert.equal((await client.answer()).bundle, 'next');
    assert.deepEqual([reasons.length, faults], [1, []]);
  });

  leakTest('that is longer than a timer can run does not pass at once', async (scope) => {
    const client = await dialRaw(
      scope,
      serveSay(scope, async (request, context) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return echo(request, context);
      }).path,
    );
    client.send(requestFrame(1, 'in 100 days', { timeoutNano: 8_640_000n * 1_000_000_000n }));
    assert.equal((await client.answer()).bundle, 'in 100 days');
  });

  leakTest('that did not pass leaves no timer behind, nor an abort', async (scope) => {
    const signals: AbortSignal[] = [];
    const client = await dialRaw(
      scope,
      serveSay(scope, (request, context) => {
        signals.push(context.signal);
        return echo(request, context);
      }).path,
    );
    client.send(requestFrame(1, 'x', { timeoutNano: 1_000_000n }));
    await client.answer();
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(signals[0]?.aborted, false);
  });
});
