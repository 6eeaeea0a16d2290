/*
 * The client must write frames that Go's server reads, and must survive what a server can do to it: answer out of
 * order, late, not at all, too much, or nonsense, or disconnect in the middle. Every call that can end must end, and no
 * call may get the answer of another. The server here makes its frames by hand.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type Socket, createServer } from 'node:net';
import { join } from 'node:path';
import { describe } from 'node:test';
import { clientOf, connectTtrpc } from '../../src/ttrpc/client.js';
import type { TtrpcConnection } from '../../src/ttrpc/client-connection.js';
import { type Frame, FrameType, encodeFrame, frameDecoder, maxPayloadBytes } from '../../src/ttrpc/frame.js';
import { StateResponse } from '../../src/ttrpc/gen/containerd/task.js';
import { Request, Response } from '../../src/ttrpc/gen/ttrpc.js';
import { message } from '../../src/ttrpc/message.js';
import { Code } from '../../src/ttrpc/status.js';
import { fromHex } from '../helpers/copy/hex.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { SayDefinition, connect } from '../helpers/shim/ttrpc.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

interface Testbed {
  readonly connection: TtrpcConnection;
  readonly say: (id: string, options?: Parameters<TtrpcConnection['call']>[3]) => Promise<string>;
  /** The server's end. */
  readonly socket: Socket;
  /** All that came from the client. */
  readonly bytes: () => Buffer;
  readonly requests: () => Request[];
  readonly answer: (streamId: number, bundle: string) => void;
}

/** A client of ours, connected to a server that does nothing by itself. */
async function testbed(scope: Scope): Promise<Testbed> {
  const path = join(temporaryDirectory(scope), 'socket');
  const server = createServer().listen(path);
  await once(server, 'listening');
  scope.after(() => void server.close());
  const [connection, [socket]] = await Promise.all([
    connect(scope, path),
    once(server, 'connection') as Promise<[Socket]>,
  ]);
  scope.after(() => socket.destroy());
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => void chunks.push(chunk)).on('error', () => {});
  const client = clientOf(SayDefinition, connection);
  return {
    connection,
    say: async (id, options) => (await client.say({ id }, options)).bundle,
    socket,
    bytes: () => Buffer.concat(chunks),
    requests() {
      const requests: Request[] = [];
      const decode = frameDecoder(({ payload }) => void requests.push(Request.decode(payload as Uint8Array)));
      for (const chunk of chunks) decode(chunk);
      return requests;
    },
    answer: (streamId, bundle) => void socket.write(encodeFrame(responseFrame(streamId, bundle))),
  };
}

function responseFrame(streamId: number, bundle: string, status?: Response['status']): Frame {
  const payload = StateResponse.encode(message(StateResponse, { bundle })).finish();
  return { streamId, type: FrameType.response, payload: Response.encode({ status, payload }).finish() };
}

describe('on the wire,', () => {
  leakTest('a request has the format of ttrpc', async (scope) => {
    const { say, bytes, answer } = await testbed(scope);
    const saying = say('hi', { timeoutMs: 1500, metadata: [['k', 'v']] });
    const payload = [
      '0a0a 746573742e576f726473', // service: test.Words
      '1203 536179', // method: Say
      '1a04 0a026869', // payload: a StateRequest whose id is hi
      '2080dea0cb05', // timeout_nano: 1,500,000,000
      '2a17 0a10 7465726d7368696d2d64657461696c73 1203 796573', // metadata: termshim-details is yes
      '2a06 0a016b 120176', // metadata: k is v
    ];
    const expected = fromHex(`0000003e 00000001 01 00 ${payload.join(' ')}`);
    await waitFor(() => bytes().length >= expected.length, 'the request');
    assert.deepEqual(bytes(), expected);
    answer(1, 'there');
    assert.equal(await saying, 'there');
  });

  leakTest('ids are odd and grow, and there is no timeout without a deadline', async (scope) => {
    const { say, bytes, requests, answer } = await testbed(scope);
    const saying = ['a', 'b', 'c'].map((id) => say(id));
    await waitFor(() => requests().length === 3, 'the requests');
    const ids: number[] = [];
    frameDecoder(({ streamId }) => void ids.push(streamId))(bytes());
    assert.deepEqual(ids, [1, 3, 5]);
    assert.deepEqual(
      requests().map((it) => it.timeoutNano),
      [0n, 0n, 0n],
    );
    for (const id of [5, 1, 3]) answer(id, `${id}`);
    assert.deepEqual(await Promise.all(saying), ['1', '3', '5']);
  });
});

describe('an answer', () => {
  leakTest('with a status causes an RpcError, unless the status is OK', async (scope) => {
    const { say, socket } = await testbed(scope);
    const saying = [say('a'), say('b')];
    saying[0]?.catch(() => {});
    socket.write(encodeFrame(responseFrame(1, '', { code: 5, message: 'no task: not found', details: [] })));
    socket.write(encodeFrame(responseFrame(3, 'fine', { code: 0, message: '', details: [] })));
    const error = { name: 'RpcError', code: Code.NotFound, message: 'no task: not found' };
    await assert.rejects(saying[0] as Promise<string>, error);
    assert.equal(await saying[1], 'fine');
  });

  leakTest('to no call, or a frame of a stream, is ignored', async (scope) => {
    const { say, socket, answer } = await testbed(scope);
    const saying = say('a');
    for (const id of [2, 3, 99]) answer(id, 'nobody');
    socket.write(encodeFrame({ ...responseFrame(1, 'data'), type: 3 }));
    socket.write(encodeFrame({ ...responseFrame(1, 'request'), type: FrameType.request }));
    answer(1, 'mine');
    answer(1, 'twice');
    assert.equal(await saying, 'mine');
  });

  leakTest('longer than 4 MiB fails only its own call', async (scope) => {
    const { say, socket, answer } = await testbed(scope);
    const [long, next] = [say('a'), say('b')];
    long.catch(() => {});
    socket.write(encodeFrame({ streamId: 1, type: FrameType.response, payload: Buffer.alloc(maxPayloadBytes + 1) }));
    answer(3, 'fine');
    assert.equal(await next, 'fine');
    await assert.rejects(long, { code: Code.ResourceExhausted });
  });

  leakTest('that is no Response, or no response of the method, causes Internal', async (scope) => {
    const { say, socket } = await testbed(scope);
    const saying = [say('a'), say('b')];
    const broken = Buffer.from([0x0a]);
    const response = Response.encode({ status: undefined, payload: broken }).finish();
    socket.write(encodeFrame({ streamId: 1, type: FrameType.response, payload: broken }));
    socket.write(encodeFrame({ streamId: 3, type: FrameType.response, payload: response }));
    for (const it of await Promise.allSettled(saying)) {
      assert.equal((it as PromiseRejectedResult).reason.code, Code.Internal);
    }
  });
});

describe('a call ends', () => {
  leakTest('when its deadline passes, even if the server is silent, and a late answer is ignored', async (scope) => {
    const { say, answer } = await testbed(scope);
    await assert.rejects(say('a', { timeoutMs: 20 }), { code: Code.DeadlineExceeded, message: /within 0\.02 s/ });
    const next = say('b');
    answer(1, 'late');
    answer(3, 'fine');
    assert.equal(await next, 'fine');
  });

  leakTest('with the reason of its signal, and sends nothing if the signal was aborted before', async (scope) => {
    const { say, requests, answer } = await testbed(scope);
    const controller = new AbortController();
    const saying = say('a', { signal: controller.signal });
    await waitFor(() => requests().length === 1, 'the request');
    const reason = new Error('enough');
    controller.abort(reason);
    await assert.rejects(saying, reason);
    await assert.rejects(say('b', { signal: controller.signal }), reason);
    const next = say('c');
    answer(3, 'fine');
    assert.equal(await next, 'fine');
    assert.equal(requests().length, 2);
  });

  leakTest('with the reason of a signal that many calls share, without a warning', async (scope) => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    scope.after(() => process.off('warning', onWarning));
    const { say } = await testbed(scope);
    const controller = new AbortController();
    const saying = Array.from({ length: 20 }, () => say('a', { signal: controller.signal }));
    controller.abort(new Error('enough'));
    for (const it of await Promise.allSettled(saying)) assert.equal(it.status, 'rejected');
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(warnings, []);
  });

  leakTest('at once if the request is longer than 4 MiB', async (scope) => {
    const { say, bytes, answer } = await testbed(scope);
    await assert.rejects(say('x'.repeat(maxPayloadBytes)), { code: Code.ResourceExhausted });
    const next = say('b');
    answer(1, 'fine');
    assert.equal(await next, 'fine');
    assert.ok(bytes().length < 100);
  });

  const goodbyes: readonly (readonly [string, (socket: Socket) => void, RegExp])[] = [
    ['leaves', (socket) => void socket.end(), /is closed$/],
    ['dies in the middle of an answer', (socket) => void socket.end(Buffer.from([0, 0, 0, 9, 0])), /is closed$/],
    ['does not speak ttrpc', (socket) => void socket.write('HTTP/1.1 400'), /is closed: this is not ttrpc/],
  ];
  for (const [what, act, words] of goodbyes) {
    leakTest(`when the server ${what}`, async (scope) => {
      const { connection, say, socket } = await testbed(scope);
      const saying = [say('a'), say('b')];
      act(socket);
      for (const it of await within(Promise.allSettled(saying), 'the end of the calls')) {
        const { code, message: told } = (it as PromiseRejectedResult).reason;
        assert.equal(code, Code.Unavailable);
        assert.match(told, words);
      }
      await within(connection.closed, 'the end of the connection');
      await assert.rejects(say('c'), { code: Code.Unavailable });
    });
  }

  leakTest('when this side closes the connection, once or twice', async (scope) => {
    const { connection, say } = await testbed(scope);
    const saying = say('a');
    connection.close();
    connection.close();
    await assert.rejects(saying, { code: Code.Unavailable });
    await connection.closed;
    await assert.rejects(say('b'), { code: Code.Unavailable });
  });
});

describe('connectTtrpc fails', () => {
  leakTest('at a path without a file, without a listener, or with a file that is no socket', async (scope) => {
    const directory = temporaryDirectory(scope);
    const path = (name: string): string => join(directory, name);
    writeFileSync(path('file'), '');
    await assert.rejects(connectTtrpc(path('none')), {
      code: 'ERR_SYSTEM',
      errno: 'ENOENT',
      message: `cannot connect to ${path('none')}: no such file or directory (ENOENT)`,
    });
    await assert.rejects(connectTtrpc(path('file')), { code: 'ERR_SYSTEM', errno: 'ECONNREFUSED' });
  });

  leakTest('at a path that is too long, even if the beginning of the path is a socket', async (scope) => {
    const directory = temporaryDirectory(scope);
    const path = join(directory, 'x'.repeat(107 - directory.length - 1));
    const server = createServer().listen(path);
    await once(server, 'listening');
    scope.after(() => void server.close());
    await assert.rejects(connectTtrpc(`${path}y`), { code: 'ERR_SOCKET_PATH_TOO_LONG', message: /108 bytes/ });
    (await connectTtrpc(path)).close();
  });
});
