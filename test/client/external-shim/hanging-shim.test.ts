/*
 * Requests to an external shim that hangs. What could break: a command waits for ever, because a request has no time limit;
 * or a request that takes long, as the start of a process can, is given up although the shim works on it. The shim here is
 * a server that answers nothing, or only what the test wants.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Socket, createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, after, describe, test } from 'node:test';
import { makeBundle } from '../../../src/client/external-shim/container-directory.js';
import { Shims } from '../../../src/client/external-shim/shims.js';
import { taskOfShims } from '../../../src/client/external-shim/task-service.js';
import { ResizePtyRequest, StartResponse, TaskDefinition } from '../../../src/ttrpc/gen/containerd/task.js';
import { CreateOptions, ExecOptions } from '../../../src/ttrpc/gen/termshim/options.js';
import { message, packAny } from '../../../src/ttrpc/message.js';
import type { Handler } from '../../../src/ttrpc/service.js';
import { Code, RpcError } from '../../../src/ttrpc/status.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { within } from '../../helpers/base/wait-for.js';
import { useRuntimeDirectory } from '../../helpers/copy/dialer.js';
import { writeProgram } from '../../helpers/runtime/fake-runtime.js';
import { serve } from '../../helpers/shim/ttrpc.js';

const service = TaskDefinition.fullName;

/** All tests run at the same time, so they share it; each has a container of its own in it. */
const directory = useRuntimeDirectory({ after });

/** Longer than any time limit of a request, and shorter than for ever. */
const limitMs = 25_000;

/** Requests to the containers of one shim. */
function tasksOf(t: TestContext, shim = '/shim'): ReturnType<typeof taskOfShims>['task'] {
  const shims = new Shims(shim);
  const tasks = taskOfShims(shims);
  t.after(() => {
    tasks.close();
    shims[Symbol.dispose]();
  });
  return tasks.task;
}

/** The path of a socket whose server reads nothing and answers nothing, as of a process that was stopped. */
async function silentSocket(t: TestContext): Promise<string> {
  const path = join(temporaryDirectory(t), 'socket');
  const sockets: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => void sockets.push(socket)).listen(path);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return path;
}

/** The path of a socket whose server has the Task service with these methods alone. */
function socketWith(t: TestContext, methods: Readonly<Record<string, Handler>>): string {
  return serve(t, [{ fullName: service, methods: new Map(Object.entries(methods)) }]).path;
}

const nothing = new Uint8Array();
const started = StartResponse.encode(message(StartResponse, { pid: 1 })).finish();

describe('a shim that hangs', { concurrency: true }, () => {
  // Wait lasts as long as the process. Create starts a shim of its own.
  const methods = Object.keys(TaskDefinition.methods).filter((it) => it !== 'wait' && it !== 'create');

  test('each request to a shim that answers nothing fails in time', async (t) => {
    makeBundle('silent', '{}', { shim: '/shim', socket: await silentSocket(t), service });
    const task = tasksOf(t);
    const requests = methods.map(async (key) => {
      const request = { id: 'silent', spec: packAny(ExecOptions, { process: Buffer.from('{}') }), signal: 15 };
      const execId = key === 'exec' ? 'more' : '';
      const answer = task[key as 'exec']({ ...request, execId });
      await assert.rejects(within(answer, key, limitMs), { code: 'ERR_SHIM_FAILED' }, key);
    });
    await Promise.all(requests);
  });

  test('Create fails in time if the shim answers nothing after its start', async (t) => {
    const path = (name: string): string => join(directory, name);
    const answers = `for it do :; done; [ $it = delete ] || echo unix://${await silentSocket(t)}`;
    const task = tasksOf(t, writeProgram({ path }, 'shim', answers));
    const options = packAny(CreateOptions, { config: Buffer.from('{}') });
    const creating = task.create({ id: 'created', options });
    await assert.rejects(within(creating, 'Create', 2 * limitMs), { code: 'ERR_SHIM_FAILED' });
  });

  test('a request that takes long is waited for while the shim answers others', async (t) => {
    let pings = 0;
    let proceed = (): void => {};
    const canProceed = new Promise<void>((resolve) => (proceed = resolve));
    const socket = socketWith(t, {
      Start: () => canProceed.then(() => started),
      Ping: () => {
        if (++pings === 6) proceed();
        throw new RpcError(Code.Unimplemented, 'there is no method Ping');
      },
    });
    makeBundle('slow', '{}', { shim: '/shim', socket, service });
    assert.equal((await within(tasksOf(t).start({ id: 'slow' }), 'Start', 2 * limitMs)).pid, 1);
  });

  test('Start succeeds in time if the shim does not answer the requests that were repeated after it', async (t) => {
    let sizes = 0;
    const socket = socketWith(t, {
      Start: () => Promise.resolve(started),
      // Before Start it answers, and after it never.
      ResizePty: (payload) => {
        assert.equal(ResizePtyRequest.decode(payload).width, 80);
        return ++sizes === 1 ? Promise.resolve(nothing) : new Promise(() => {});
      },
    });
    makeBundle('repeated', '{}', { shim: '/shim', socket, service });
    const task = tasksOf(t);
    await task.resizePty({ id: 'repeated', width: 80, height: 24 });
    assert.equal((await within(task.start({ id: 'repeated' }), 'Start', limitMs)).pid, 1);
    assert.equal(sizes, 2);
  });
});
