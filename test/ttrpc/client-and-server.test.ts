/*
 * The client and the server talk over real sockets: many calls at the same time, of any size, on several connections,
 * each of which must get its own answer; and typed services, whose missing fields must arrive as defaults.
 */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import * as fc from 'fast-check';
import { type Client, clientOf } from '../../src/ttrpc/client.js';
import { EventsDefinition, type ForwardRequest } from '../../src/ttrpc/gen/containerd/event-service.js';
import { TaskExit } from '../../src/ttrpc/gen/containerd/task-events.js';
import { StateResponse } from '../../src/ttrpc/gen/containerd/task.js';
import { ShimDefinition } from '../../src/ttrpc/gen/termshim/shim.js';
import { message, packAny, timestampOf, unpackAny } from '../../src/ttrpc/message.js';
import { service } from '../../src/ttrpc/service.js';
import { Code } from '../../src/ttrpc/status.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { type Say, SayDefinition, connect, echo, sayService, serve } from '../helpers/shim/ttrpc.js';

describe('between client and server,', () => {
  leakTest('calls of any size at a time, on several connections, get their own answers', async (scope) => {
    const say: Say = async ({ id, execId }) => {
      await new Promise((resolve) => setTimeout(resolve, Number(execId)));
      return message(StateResponse, { bundle: `${id.length}:${id.slice(-10)}` });
    };
    const { path } = serve(scope, [sayService(say)]);
    const clients: Client<typeof SayDefinition>[] = [];
    for (let i = 0; i < 3; i++) clients.push(clientOf(SayDefinition, await connect(scope, path)));
    const size = fc.oneof(fc.nat(20), fc.nat(100_000), fc.constant(1_500_000));
    const call = fc.record({ client: fc.nat(2), size, delayMs: fc.nat(5) });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
        const answers = calls.map(async (it, i) => {
          const id = 'x'.repeat(it.size) + String(i);
          const answer = await clients[it.client]?.say({ id, execId: String(it.delayMs) });
          assert.equal(answer?.bundle, `${id.length}:${id.slice(-10)}`);
        });
        await Promise.all(answers);
      }),
      { numRuns: 25 },
    );
  });

  leakTest('2000 calls can be in flight at the same time', async (scope) => {
    const { path } = serve(scope, [sayService(echo)]);
    const client = clientOf(SayDefinition, await connect(scope, path));
    const calls = Array.from({ length: 2000 }, (_, i) => client.say({ id: `${i}` }));
    (await Promise.all(calls)).forEach((it, i) => assert.equal(it.bundle, `${i}`));
  });

  leakTest('an event arrives with its nanoseconds and its type', async (scope) => {
    const received: ForwardRequest[] = [];
    const events = service(EventsDefinition, {
      forward(request) {
        received.push(request);
        return {};
      },
    });
    const client = clientOf(EventsDefinition, await connect(scope, serve(scope, [events]).path));
    const exit = { containerId: 'c', id: 'c', pid: 42, exitStatus: 137, exitedAt: timestampOf(1_700_000_000_123) };
    const timestamp = { seconds: 1_700_000_000n, nanos: 123_456_789 };
    const event = packAny(TaskExit, exit);
    await client.forward({ envelope: { timestamp, namespace: 'default', topic: '/tasks/exit', event } });
    const envelope = received[0]?.envelope;
    assert.deepEqual(
      [envelope?.timestamp, envelope?.namespace, envelope?.topic],
      [timestamp, 'default', '/tasks/exit'],
    );
    assert.deepEqual(unpackAny(TaskExit, envelope?.event), exit);
  });

  leakTest('a missing field arrives as its default, in both directions', async (scope) => {
    const requests: unknown[] = [];
    const shim = service(ShimDefinition, {
      reserve: () => ({}),
      forget(request) {
        requests.push(request);
        return { pid: 0, exitStatus: 0, exitedAt: undefined, known: false };
      },
    });
    const client = clientOf(ShimDefinition, await connect(scope, serve(scope, [shim]).path));
    assert.deepEqual(await client.reserve({ id: 'a' }), {});
    assert.deepEqual(await client.forget({}), { pid: 0, exitStatus: 0, exitedAt: undefined, known: false });
    assert.deepEqual(requests, [{ id: '' }]);
  });

  leakTest('a call of an unknown service fails with Unimplemented', async (scope) => {
    const client = clientOf(ShimDefinition, await connect(scope, serve(scope, [sayService(echo)]).path));
    await assert.rejects(client.reserve({ id: 'a' }), {
      code: Code.Unimplemented,
      message: 'there is no service termshim.v1.Shim',
    });
  });

  leakTest('the deadline of a call becomes that of the context', async (scope) => {
    let aborted: Promise<unknown> | undefined;
    const say: Say = (_, { signal }) => {
      aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
      return new Promise(() => {});
    };
    const client = clientOf(SayDefinition, await connect(scope, serve(scope, [sayService(say)]).path));
    await assert.rejects(client.say({ id: 'a' }, { timeoutMs: 30 }), { code: Code.DeadlineExceeded });
    await aborted;
  });
});
