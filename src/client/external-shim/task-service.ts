/**
 * The Task service for all containers of external shims. Each request goes to the shim of the container that it names.
 * Create starts the shim, Delete ends it.
 */
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { once } from 'node:events';
import { TermshimError } from '../../errors/errors.js';
import type { FifoReader } from '../../os/fifo.js';
import type { CallOptions } from '../../ttrpc/client-connection.js';
import { Options } from '../../ttrpc/gen/containerd/runc-options.js';
import { Status } from '../../ttrpc/gen/containerd/task-status.js';
import {
  type CreateTaskRequest,
  type ExecProcessRequest,
  StateResponse,
  TaskDefinition,
} from '../../ttrpc/gen/containerd/task.js';
import { CreateOptions, ExecOptions } from '../../ttrpc/gen/termshim/options.js';
import { message, unpackAny, packAny } from '../../ttrpc/message.js';
import { Code, RpcError } from '../../ttrpc/status.js';
import { movedConfig, readConfig, withSize } from './bundle-config.js';
import { createDeferredRequests } from './deferred-requests.js';
import { makeFifos } from './fifos.js';
import { makeBundle, makeExecDirectory, removeDirectory } from './container-directory.js';
import { type Shims, type Task, hasDied } from './shims.js';
import { type ProcessIds } from '../connection.js';

export interface ShimsTask {
  readonly task: Task;
  /** Idempotent. */
  close(): void;
}

export function taskOfShims(shims: Shims): ShimsTask {
  const deferred = createDeferredRequests();
  /** Readers of outputs that may have no other reader yet. */
  const readers: FifoReader[] = [];

  async function call<T>(id: string, work: (task: Task) => Promise<T>): Promise<T> {
    const task = await shims.taskOf(id);
    return work(task).catch((error: unknown) => {
      throw isSilent(error) ? hasDied(id) : error;
    });
  }

  /** As `call`, for a request that may take the shim any time. It fails if the shim hangs meanwhile. */
  function callUnlimited<T>(
    id: string,
    work: (task: Task, options: CallOptions) => Promise<T>,
    { signal, ...options }: CallOptions = {},
  ): Promise<T> {
    return call(id, (task) =>
      shims.unlessHanging(id, (hanging) =>
        work(task, { ...options, signal: signal ? AbortSignal.any([signal, hanging]) : hanging }),
      ),
    );
  }

  /** If the request has a terminal without FIFOs, makes FIFOs for clients that attach now or later. */
  function stdioOf(ids: ProcessIds, { terminal, stdin = '', stdout = '', stderr = '' }: Stdio): Stdio {
    if (!terminal || stdout !== '') return { stdin: plain(stdin), stdout: plain(stdout), stderr: plain(stderr) };
    const { reader, ...paths } = makeFifos(ids);
    readers.push(reader);
    return paths;
  }

  /**
   * If the signal is aborted, rejects with its reason, but waits until the shim has answered Create, or for
   * `createGraceMs`: before that the shim has nothing to delete.
   */
  async function createIn(id: string, bundle: string, request: Partial<CreateTaskRequest>, signal?: AbortSignal) {
    const task = await shims.start(id, signal);
    signal?.throwIfAborted();
    const stdio = stdioOf({ id, execId: '' }, request);
    const wanted = { ...request, id, bundle, options: optionsOf(request), ...stdio };
    const creating = callUnlimited(id, (it, options) => it.create(wanted, options));
    await Promise.race([
      creating,
      ...(signal ? [once(signal, 'abort').then(() => delay(createGraceMs, undefined, { ref: false }))] : []),
    ]);
    signal?.throwIfAborted();
    const created = await creating;
    await shims.learnPid(id, task);
    return created;
  }

  const forwarded = forwarding(call);
  const task: Task = {
    ...forwarded,
    async create(request, { signal } = {}) {
      const { id = '' } = request;
      const bundle = makeBundle(id, configOf(request), { shim: shims.program });
      try {
        return await createIn(id, bundle, request, signal);
      } catch (error) {
        await removeFailed(shims, id);
        throw error;
      }
    },
    async exec(request, options) {
      const { id = '', execId = '' } = request;
      makeExecDirectory({ id, execId });
      try {
        const stdio = stdioOf({ id, execId }, request);
        return await forwarded.exec({ ...request, spec: processOf(request), ...stdio }, options);
      } catch (error) {
        removeDirectory({ id, execId });
        throw error;
      }
    },
    async start(request, options) {
      const { id = '', execId = '' } = request;
      const answer = await callUnlimited(id, (it, limits) => it.start(request, limits), options);
      await deferred.send(forwarded, { id, execId });
      return answer;
    },
    resizePty(request, options) {
      deferred.resize(request);
      return forwarded.resizePty(request, options);
    },
    closeIO(request, options) {
      deferred.closeInput(request);
      return forwarded.closeIO(request, options);
    },
    state: async (request, options) =>
      isCleanedUp(request)
        ? message(StateResponse, cleanedUp)
        : call(request.id ?? '', (it) => it.state(request, { ...briefly, ...options })).catch(
            unlessHalfMade(request, message(StateResponse)),
          ),
    // A process may run for ever, so this has no limit.
    wait: async (request, options) =>
      isCleanedUp(request) ? cleanedUp : call(request.id ?? '', (it) => it.wait(request, options)),
    async kill(request) {
      const { id = '', execId, signal } = request;
      try {
        return await call(id, (it) => it.kill(request, briefly));
      } catch (error) {
        const isForced = signal === constants.signals.SIGKILL && !execId;
        if (!isForced || !(error instanceof TermshimError) || error.code !== 'ERR_SHIM_FAILED') throw error;
        await shims.cleanUpAfter(id);
        return {};
      }
    },
    async delete(request, options) {
      const { id = '', execId = '' } = request;
      const deleting = isCleanedUp(request)
        ? { pid: 0, ...cleanedUp }
        : callUnlimited(id, (it, limits) => it.delete(request, limits), options);
      const deleted = await Promise.resolve(deleting).catch(unlessHalfMade(request, { pid: 0, ...cleanedUp }));
      if (execId === '') await shims.end(id);
      else removeDirectory({ id, execId });
      return deleted;
    },
  };
  return {
    task,
    close() {
      for (const reader of readers.splice(0)) reader.close();
    },
  };

  function isCleanedUp({ id = '' }: { id?: string }): boolean {
    return shims.recordOf(id).isCleanedUp === true;
  }
}

/** The time limit of requests that a shim should answer at once. */
const briefly: CallOptions = { timeoutMs: 3000 };

function isSilent(error: unknown): boolean {
  return error instanceof RpcError && (error.code === Code.Unavailable || error.code === Code.DeadlineExceeded);
}

/** The real exit status is unknown. 137 is 128 + SIGKILL, as in containerd. */
const cleanedUp = { status: Status.STOPPED, exitStatus: 137, exitedAt: undefined };

/** Turns NotFound into `answer`: if a command was killed during Create, its shim has no container. */
function unlessHalfMade<T>({ execId }: { execId?: string }, answer: T): (error: unknown) => T {
  return (error) => {
    if (!execId && error instanceof RpcError && error.code === Code.NotFound) return answer;
    throw error;
  };
}

/** How long to wait for a Create that is under way, because a shim cannot cancel it. */
const createGraceMs = 3000;

interface Stdio {
  terminal?: boolean;
  stdin?: string;
  stdout?: string;
  stderr?: string;
}

/** The path in a `fifo://` URI, whose settings are only for a daemon of termshim. */
function plain(uri: string): string {
  return uri.startsWith('fifo://') ? decodeURIComponent(new URL(uri).pathname) : uri;
}

function configOf({ bundle = '', options }: Partial<CreateTaskRequest>): string {
  const wanted = unpackAny(CreateOptions, options);
  if (wanted?.screen) throw new TermshimError('ERR_UNSUPPORTED', 'an external shim does not support --screen');
  if (wanted?.log) throw new TermshimError('ERR_UNSUPPORTED', 'an external shim does not support --log');
  return movedConfig(bundle === '' ? Buffer.from(wanted?.config ?? []).toString() : readConfig(bundle), bundle);
}

/** The shim chooses the OCI runtime, unless the request names one. */
function optionsOf({ options }: Partial<CreateTaskRequest>): CreateTaskRequest['options'] {
  const [program] = unpackAny(CreateOptions, options)?.runtimeCommand ?? [];
  return program === undefined ? undefined : packAny(Options, { binaryName: program });
}

function processOf({ spec }: Partial<ExecProcessRequest>): ExecProcessRequest['spec'] {
  const process = Buffer.from(unpackAny(ExecOptions, spec)?.process ?? []).toString();
  const value = Buffer.from(JSON.stringify(withSize(JSON.parse(process) as object)));
  return { typeUrl: 'types.containerd.io/opencontainers/runtime-spec/1/Process', value };
}

/**
 * Removes a container whose Create has failed, or is still under way. During Create a shim answers Delete with
 * NotFound, so its `delete` is called too. Errors are ignored, because the caller throws the error of Create.
 */
async function removeFailed(shims: Shims, id: string): Promise<void> {
  const task = await shims.taskOf(id).catch(() => undefined);
  const end = await task?.delete({ id }, { timeoutMs: createGraceMs }).catch((error: unknown) => error);
  // A shim that did not start has left nothing.
  if (shims.recordOf(id).socket !== undefined) {
    const isDead = task === undefined || isSilent(end);
    await (isDead ? shims.cleanUpAfter(id) : shims.deleteRest(id)).catch(() => {});
  }
  await shims.end(id).catch(() => {});
}

function forwarding(call: <T>(id: string, work: (task: Task) => Promise<T>) => Promise<T>): Task {
  const methods = Object.keys(TaskDefinition.methods).map((key) => [
    key,
    (request: { id?: string }, options?: CallOptions) =>
      call(request.id ?? '', (task) => task[key as 'state'](request, { ...briefly, ...options })),
  ]);
  return Object.fromEntries(methods) as Task;
}
