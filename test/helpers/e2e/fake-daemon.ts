/** A fake daemon of a user: the commands find it at the path of the real one. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../../../src/native/addon.js';
import { check } from '../../../src/errors/errors.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { TaskDefinition } from '../../../src/ttrpc/gen/containerd/task.js';
import { type Session, Session as SessionType, SessionsDefinition } from '../../../src/ttrpc/gen/termshim/sessions.js';
import { message, timestampOf } from '../../../src/ttrpc/message.js';
import { serveTtrpc } from '../../../src/ttrpc/server.js';
import { type Implementation, type ServiceDefinition, service } from '../../../src/ttrpc/service.js';
import { Code, RpcError } from '../../../src/ttrpc/status.js';
import type { Scope } from '../base/leak-free.js';
import { temporaryDirectory } from '../base/temporary-directory.js';

type Sessions = Implementation<typeof SessionsDefinition>;
type Task = Implementation<typeof TaskDefinition>;

export interface FakeDaemonOptions {
  /** What List answers. */
  list?: readonly Session[];
  /** A method that is left out answers Unimplemented. */
  sessions?: Partial<Sessions>;
  task?: Partial<Task>;
}

export interface FakeDaemon {
  /** For the commands: where they find it. */
  readonly env: NodeJS.ProcessEnv;
  /** The requests that came, without those to List: `Kill`, and what it said. */
  readonly calls: [method: string, request: object][];
  /** Ends it as a daemon that was killed: connections close. */
  kill(): void;
}

export function serveFakeDaemon(scope: Scope, options: FakeDaemonOptions = {}): FakeDaemon {
  const place = environmentWithoutDaemon(scope);
  const path = join(place.env['XDG_RUNTIME_DIR'] as string, 'termshim', 'daemon.sock');
  mkdirSync(join(path, '..'), { mode: 0o700 });
  const calls: FakeDaemon['calls'] = [];
  const list: Sessions['list'] = () => ({ sessions: [...(options.list ?? [])] });
  const listener = new OwnedFd(check(addon.socket_listen(path, 0o600), 'bind', `listen at ${path}`), path);
  const server = serveTtrpc(listener, [
    recorded(SessionsDefinition, { list, ...options.sessions }, calls),
    recorded(TaskDefinition, options.task ?? {}, calls),
  ]);
  scope.after(() => server.destroy());
  return { ...place, calls, kill: () => server.destroy() };
}

/** An environment in which there is no daemon. */
export function environmentWithoutDaemon(scope: Scope): Pick<FakeDaemon, 'env'> {
  return { env: { ...process.env, XDG_RUNTIME_DIR: temporaryDirectory(scope) } };
}

function recorded<D extends ServiceDefinition>(
  definition: D,
  given: Partial<Implementation<D>>,
  calls: FakeDaemon['calls'],
) {
  const methods = Object.entries(definition.methods).map(([key, { name }]) => {
    const answer = given[key as keyof typeof given] as ((...args: unknown[]) => unknown) | undefined;
    const method = (request: object, ...rest: unknown[]): unknown => {
      if (name !== 'List') calls.push([name, request]);
      if (answer === undefined) throw new RpcError(Code.Unimplemented, `the fake daemon has no ${name}`);
      return answer(request, ...rest);
    };
    return [key, method];
  });
  return service(definition, Object.fromEntries(methods) as Implementation<D>);
}

/** A running shell with a terminal, made five hours ago, but for what is given. */
export function session(id: string, fields: Partial<Session> = {}): Session {
  return message(SessionType, {
    id,
    state: 'running',
    pid: 4711,
    terminal: true,
    tty: '/dev/pts/3',
    columns: 80,
    rows: 24,
    sizePolicy: 'latest',
    createdAt: timestampOf(Date.now() - 5 * 3_600_000),
    command: ['sh'],
    bundle: `/bundles/${id}`,
    runtime: 'runc',
    ...fields,
  });
}

/** One that has ended 30 seconds ago. */
export function endedSession(id: string, exitStatus: number, fields: Partial<Session> = {}): Session {
  return session(id, { state: 'stopped', exitStatus, exitedAt: timestampOf(Date.now() - 30_000), ...fields });
}
