/*
 * These tests cover the server as a whole: who may dial, the cost of a client that does not read, the end, and a
 * process that has run out of descriptors. The last must accept calls again later, although epoll reports a waiting
 * dialer only once.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { describe } from 'node:test';
import { clientOf } from '../../src/ttrpc/client.js';
import { StateResponse } from '../../src/ttrpc/gen/containerd/task.js';
import { message } from '../../src/ttrpc/message.js';
import { service } from '../../src/ttrpc/service.js';
import { Code } from '../../src/ttrpc/status.js';
import { fixturePath } from '../helpers/base/fixture.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { missing } from '../helpers/base/requirement.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import {
  type Say,
  SayDefinition,
  connect,
  dialRaw,
  echo,
  requestFrame,
  sayService,
  serve,
} from '../helpers/shim/ttrpc.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

describe('a server', () => {
  leakTest('may serve one implementation under several names', async (scope) => {
    const other = service(SayDefinition, { say: () => message(StateResponse, { bundle: 'v3' }) }, 'test.Words.v3');
    const { path } = serve(scope, [sayService(echo), other]);
    const connection = await connect(scope, path);
    assert.equal((await clientOf(SayDefinition, connection).say({ id: 'v2' })).bundle, 'v2');
    assert.equal((await clientOf(SayDefinition, connection, 'test.Words.v3').say({ id: 'v2' })).bundle, 'v3');
  });
});

describe('a dialer', () => {
  const turnedAway = async (scope: Scope): Promise<void> => {
    const { path } = serve(scope, [sayService(echo)]);
    chmodSync(dirname(path), 0o755);
    chmodSync(path, 0o666);
    const script = "require('net').connect(process.argv[1]).on('end', () => console.log('turned away')).resume()";
    const other = spawn(process.execPath, ['-e', script, path], { uid: 65534, gid: 65534 });
    assert.equal(await within(text(other.stdout), 'the other user'), 'turned away\n');
    const connection = await connect(scope, path);
    assert.equal((await clientOf(SayDefinition, connection).say({ id: 'ours' })).bundle, 'ours');
  };
  leakTest('of another user is refused, and one of this user is served', turnedAway, { skip: missing('root') });

  leakTest('is served if 50 dial before the server gets a turn', async (scope) => {
    const { path } = serve(scope, [sayService(echo)]);
    const connections = await Promise.all(Array.from({ length: 50 }, () => connect(scope, path)));
    const calls = connections.map((it, i) => clientOf(SayDefinition, it).say({ id: `${i}` }));
    assert.deepEqual(
      (await Promise.all(calls)).map((it) => it.bundle),
      Array.from({ length: 50 }, (_, i) => `${i}`),
    );
  });

  leakTest('that dials while the process has no free descriptor is served when there are some', async (scope) => {
    const directory = temporaryDirectory(scope);
    const limited = `ulimit -n 60; exec "$@"`;
    const args = ['-c', limited, 'sh', process.execPath, fixturePath('ttrpc-server-out-of-descriptors'), directory];
    const child = spawn('sh', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    scope.after(() => child.kill('SIGKILL'));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const told = async (what: string): Promise<void> => {
      assert.match((await within(lines.next(), what)).value as string, new RegExp(what));
    };
    await told('ready');
    const client = await dialRaw(scope, `${directory}/socket`);
    client.send(requestFrame(1, 'patience'));
    await told('too many open files');
    child.stdin.end();
    assert.equal((await client.answer()).bundle, 'patience');
    child.kill();
    await once(child, 'exit');
  });
});

describe('a client that does not read', () => {
  leakTest('is not read from until it reads, and then gets every answer', async (scope) => {
    let begun = 0;
    const say: Say = () => {
      begun++;
      return message(StateResponse, { bundle: 'x'.repeat(500_000) });
    };
    const client = await dialRaw(scope, serve(scope, [sayService(say)]).path);
    client.socket.pause();
    const count = 300;
    client.send(...Array.from({ length: count }, (_, i) => requestFrame(2 * i + 1, 'y'.repeat(2000))));
    await waitFor(() => begun > 0, 'the first call');
    for (let before = -1; before !== begun; await new Promise((resolve) => setTimeout(resolve, 50))) before = begun;
    assert.ok(begun < count / 2, `${begun} of ${count} calls were begun though nobody reads the answers`);
    client.socket.resume();
    for (let i = 0; i < count; i++) assert.equal((await client.answer()).streamId, 2 * i + 1);
  });
});

describe('at the end of a server,', () => {
  leakTest('close lets pending calls finish, accepts no more, and then closes', async (scope) => {
    let finish = (): void => {};
    const say: Say = async (request, context) => {
      if (request.id === 'slow') await new Promise<void>((resolve) => (finish = resolve));
      return echo(request, context);
    };
    const { server, path } = serve(scope, [sayService(say)]);
    const [busy, idle] = [await dialRaw(scope, path), await dialRaw(scope, path)];
    for (const client of [busy, idle]) client.send(requestFrame(1, 'x'));
    for (const client of [busy, idle]) await client.answer();
    busy.send(requestFrame(3, 'slow'), requestFrame(5, 'x'));
    assert.equal((await busy.answer()).streamId, 5);
    let isClosed = false;
    const closing = server.close().then(() => (isClosed = true));
    await within(idle.closed, 'the end of the idle connection');
    await assert.rejects(connect(scope, path), { code: 'ERR_SYSTEM', errno: 'ECONNREFUSED' });
    busy.send(requestFrame(7, 'late'));
    assert.equal((await busy.answer()).status?.code, Code.Unavailable);
    assert.equal(isClosed, false);
    finish();
    assert.deepEqual(await busy.answer(), { streamId: 3, status: undefined, bundle: 'slow' });
    await within(closing, 'the end of the server');
    await busy.closed;
    await server.close();
  });

  leakTest('close may be called by a call, whose answer still arrives', async (scope) => {
    const served = serve(scope, [
      sayService((request, context) => {
        void served.server.close();
        return echo(request, context);
      }),
    ]);
    const client = await dialRaw(scope, served.path);
    client.send(requestFrame(1, 'goodbye'));
    assert.equal((await client.answer()).bundle, 'goodbye');
    await client.closed;
  });

  leakTest('destroy closes everything at once and aborts the calls', async (scope) => {
    let signal: AbortSignal | undefined;
    const say: Say = (_, context) => {
      signal = context.signal;
      return new Promise(() => {});
    };
    const { server, path } = serve(scope, [sayService(say)]);
    const client = await dialRaw(scope, path);
    client.send(requestFrame(1, 'x'));
    await waitFor(() => signal !== undefined, 'the call');
    server.destroy();
    await within(client.closed, 'the end of the connection');
    await waitFor(() => signal?.aborted, 'the abort');
    await assert.rejects(connect(scope, path), { errno: 'ECONNREFUSED' });
  });
});
