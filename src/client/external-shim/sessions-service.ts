/**
 * The Sessions service for external shims, which have none. Some methods use the directories of the containers
 * (container-directory.ts). The others are refused with a clear message.
 */
import { readBundle } from '../../runtime/spec/bundle.js';
import { TermshimError } from '../../errors/errors.js';
import type { Client } from '../../ttrpc/client.js';
import { Status } from '../../ttrpc/gen/containerd/task-status.js';
import { Session, SessionsDefinition } from '../../ttrpc/gen/termshim/sessions.js';
import { message, timestampOf } from '../../ttrpc/message.js';
import type { ServiceDefinition } from '../../ttrpc/service.js';
import { Code, RpcError } from '../../ttrpc/status.js';
import { containersOf, directoryOf, execsOf, madeAt } from './container-directory.js';
import type { Task } from './shims.js';
import { type ProcessIds } from '../connection.js';

/** @param program the path of the shim's program */
export function sessionsOfShims(task: Task, program: string): Client<typeof SessionsDefinition> {
  const processes = (): ProcessIds[] =>
    containersOf(program).flatMap((id) => ['', ...execsOf(id)].map((execId) => ({ id, execId })));
  const resize = (ids: ProcessIds, columns: number, rows: number): Promise<unknown> =>
    task.resizePty({ ...ids, width: columns, height: rows });
  return {
    ...unsupported(SessionsDefinition, program),
    async list() {
      const sessions = await Promise.all(processes().map((ids) => describe(task, ids, program)));
      return { sessions: sessions.filter((it) => it !== undefined) };
    },
    async inspect({ id = '', execId = '' }) {
      return { session: await describe(task, { id, execId }, program), clients: [] };
    },
    async attach({ id = '', execId = '', columns = 0, rows = 0 }) {
      const { status } = await task.state({ id, execId });
      if (status === Status.STOPPED) throw new TermshimError('ERR_STATE_INVALID', `${execId || id} has ended`);
      if (columns > 0 && rows > 0) await resize({ id, execId }, columns, rows);
      return { client: onlyClient };
    },
    async resize({ id = '', execId = '', columns = 0, rows = 0 }) {
      await resize({ id, execId }, columns, rows);
      return {};
    },
    detach: async () => ({}),
    async setSizePolicy({ id = '', execId = '', policy = '' }) {
      const [, columns, rows] = /^(\d+)x(\d+)$/.exec(policy) ?? [];
      if (columns === undefined || rows === undefined) {
        throw cannot(program, 'size policies; give a size such as 80x24');
      }
      await resize({ id, execId }, Number(columns), Number(rows));
      return {};
    },
  };
}

const onlyClient = 1;

/** A shim that hangs must not keep the others from being listed. */
const answerTimeoutMs = 2000;

/** Undefined if the process does not exist. If the shim does not answer, the state is `unknown`. */
async function describe(task: Task, ids: ProcessIds, runtime: string): Promise<Session | undefined> {
  const fields: Partial<Session> = {
    ...ids,
    runtime,
    bundle: directoryOf({ ...ids, execId: '' }),
    createdAt: timestampOf(madeAt(ids.id)),
    command: ids.execId === '' ? await commandOf(ids.id) : [],
  };
  try {
    const { pid, status, terminal, exitStatus, exitedAt } = await task.state(ids, { timeoutMs: answerTimeoutMs });
    const ended = status === Status.STOPPED && { exitStatus, exitedAt: exitedAt ?? timestampOf(Date.now()) };
    return message(Session, { ...fields, state: states[status] ?? unknown, pid, terminal, ...ended });
  } catch (error) {
    if (error instanceof RpcError && error.code === Code.NotFound) return undefined;
    return message(Session, { ...fields, state: unknown });
  }
}

const unknown = 'unknown';

const states: Readonly<Record<number, string>> = {
  [Status.CREATED]: 'created',
  [Status.RUNNING]: 'running',
  [Status.STOPPED]: 'stopped',
  [Status.PAUSED]: 'paused',
  [Status.PAUSING]: 'paused',
};

async function commandOf(id: string): Promise<string[]> {
  return (await readBundle(directoryOf({ id, execId: '' }))).spec.process.args;
}

/** A client whose methods all reject with ERR_UNSUPPORTED. */
export function unsupported<D extends ServiceDefinition>(definition: D, program: string): Client<D> {
  const methods = Object.entries(definition.methods).map(([key, { name }]) => [
    key,
    () => Promise.reject(cannot(program, words[name] ?? name)),
  ]);
  return Object.fromEntries(methods) as Client<D>;
}

/** What the shim does not support, by the name of the method. */
const words: Readonly<Record<string, string>> = {
  Events: 'events',
  Record: 'recording; use `asciinema rec`',
  ReopenLogs: 'logs',
  Stop: 'being stopped; it ends with its container',
};

function cannot(program: string, what: string): TermshimError {
  return new TermshimError('ERR_UNSUPPORTED', `the external shim ${program} does not support ${what}`);
}
