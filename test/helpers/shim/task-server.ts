/** The services of the shim's daemon in the process of the test, with a client, and containers of the pty runtime. */
import { join } from 'node:path';
import { addon } from '../../../src/native/addon.js';
import { check } from '../../../src/errors/errors.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { writeBundle } from '../../../src/runtime/spec/default-spec.js';
import { hostSpec } from '../../../src/runtime/spec/host-spec.js';
import { shimService } from '../../../src/daemon/shim-service.js';
import { taskServices } from '../../../src/daemon/task-service.js';
import { createTasks, type Tasks } from '../../../src/daemon/tasks.js';
import type { OpenLink } from '../../../src/screen/thread/thread.js';
import { createSessions } from '../../../src/sessions/sessions.js';
import type { TaskEvent } from '../../../src/task/event.js';
import { type Client, clientOf, connectTtrpc } from '../../../src/ttrpc/client.js';
import { Options } from '../../../src/ttrpc/gen/containerd/runc-options.js';
import { type CreateTaskRequest, TaskDefinition } from '../../../src/ttrpc/gen/containerd/task.js';
import { SessionsDefinition } from '../../../src/ttrpc/gen/termshim/sessions.js';
import { ShimDefinition } from '../../../src/ttrpc/gen/termshim/shim.js';
import { packAny } from '../../../src/ttrpc/message.js';
import { serveTtrpc } from '../../../src/ttrpc/server.js';
import { ptyRuntimeProgram } from '../runtime/fake-runtime.js';
import type { Scope } from '../base/leak-free.js';
import { newStdio } from '../runtime/task.js';
import { temporaryDirectory } from '../base/temporary-directory.js';

export interface TaskServer {
  tasks: Tasks;
  task: Client<typeof TaskDefinition>;
  shim: Client<typeof ShimDefinition>;
  sessions: Client<typeof SessionsDefinition>;
  events: TaskEvent[];
  faults: Error[];
  /** One more client, with a connection of its own. */
  connect(): Promise<OtherClient>;
  /** How often the daemon would have ended itself. */
  ends(): number;
  /** For Create: a bundle whose process runs `script` in a shell, with a terminal that is read. */
  request(id: string, script: string, annotations?: Record<string, string>): Promise<Partial<CreateTaskRequest>>;
}

export interface OtherClient {
  task: Client<typeof TaskDefinition>;
  shim: Client<typeof ShimDefinition>;
  sessions: Client<typeof SessionsDefinition>;
  /** Idempotent. */
  leave(): void;
}

/** Containers that are left after the test are removed. */
export async function serveTasks(scope: Scope, openScreen?: OpenLink): Promise<TaskServer> {
  const directory = temporaryDirectory(scope);
  const socket = join(directory, 'socket');
  const [events, faults]: [TaskEvent[], Error[]] = [[], []];
  const ids = new Set<string>();
  let ends = 0;
  const tasks = createTasks({
    namespace: 'test',
    onEvent(event, { id }) {
      events.push(event);
      sessions.told(event, id);
    },
    onError: (error) => void faults.push(error),
    onEnd: () => (ends += 1),
  });
  const sessions = createSessions({
    host: tasks,
    stop: () => Promise.resolve({ running: tasks.count, ids: [] }),
    ...(openScreen === undefined ? {} : { openScreen }),
    onError: (error) => void faults.push(error),
  });
  const listener = new OwnedFd(check(addon.socket_listen(socket, 0o600), 'bind', 'listen'), socket);
  // What goes on by itself would run its runtime in the next test, with the environment that this has then.
  scope.after(async () => {
    await tasks.settle();
    for (const task of tasks.list()) await task.container.destroy().then(() => tasks.remove(task));
    await tasks.settle();
  });
  const server = serveTtrpc(listener, [...taskServices(tasks, 'test'), shimService(tasks), sessions.service]);
  scope.after(() => server.destroy());
  const connection = await connectTtrpc(socket);
  scope.after(() => connection.close());
  const shim = clientOf(ShimDefinition, connection);
  scope.after(async () => {
    for (const id of ids) await shim.forget({ id });
  });
  return {
    tasks,
    task: clientOf(TaskDefinition, connection),
    shim,
    sessions: clientOf(SessionsDefinition, connection),
    events,
    faults,
    async connect() {
      const other = await connectTtrpc(socket);
      scope.after(() => other.close());
      return {
        task: clientOf(TaskDefinition, other),
        shim: clientOf(ShimDefinition, other),
        sessions: clientOf(SessionsDefinition, other),
        leave: () => other.close(),
      };
    },
    ends: () => ends,
    async request(id, script, annotations = {}) {
      ids.add(id);
      const bundle = join(directory, id);
      const spec = hostSpec({ args: ['/bin/sh', '-c', script], size: { columns: 80, rows: 24 } });
      await writeBundle(bundle, { ...spec, annotations });
      const stdio = newStdio(scope, 'terminal');
      const options = packAny(Options, { binaryName: ptyRuntimeProgram, root: join(directory, 'root') });
      return { id, bundle, ...stdio.request, options };
    },
  };
}
