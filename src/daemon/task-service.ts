/**
 * The Task service, which containerd calls. `containerd.task.v2.Task` and `containerd.task.v3.Task` have the same
 * messages.
 */
import { parseJson as readJson } from '../os/file/json.js';
import { TermshimError } from '../errors/errors.js';
import { wait } from '../async/wait.js';
import type { Exit } from '../task/launch.js';
import type { TaskProcess } from '../task/process.js';
import type { ProcessState } from '../task/state.js';
import { ProcessDetails } from '../ttrpc/gen/containerd/runc-options.js';
import { type StateResponse, TaskDefinition } from '../ttrpc/gen/containerd/task.js';
import { Status } from '../ttrpc/gen/containerd/task-status.js';
import { readMetrics } from './metrics/metrics.js';
import { ExecOptions } from '../ttrpc/gen/termshim/options.js';
import { countWait } from '../ttrpc/limits.js';
import { type Implementation, type Service, service } from '../ttrpc/service.js';
import { Code, RpcError, statusCodes } from '../ttrpc/status.js';
import { readCheckpoint } from './create/checkpoint.js';
import { autoRemove, autoRemoveExec } from './cleanup/auto-remove.js';
import { readStdio } from './create/stdio.js';
import { type Task, deleteExec } from './task.js';
import type { Tasks } from './tasks.js';
import { packAny, timestampOf, unpackAny } from '../ttrpc/message.js';

export function taskServices(tasks: Tasks, version: string): Service[] {
  const implementation = taskMethods(tasks, version);
  const names = ['containerd.task.v2.Task', 'containerd.task.v3.Task'];
  return names.map((name) => service(TaskDefinition, implementation, name));
}

function taskMethods(tasks: Tasks, version: string): Implementation<typeof TaskDefinition> {
  const processOf = ({ id, execId }: { id: string; execId: string }): TaskProcess =>
    tasks.get(id).container.process(execId);
  return {
    async create(request, { signal, connection }) {
      const task = await inWordsOf('create', tasks.create(request, signal));
      if (task.own?.remove === true) autoRemove(connection, tasks, task);
      return { pid: task.container.init.pid };
    },
    async start({ id, execId }, { signal }) {
      const { container } = tasks.get(id);
      const verb = execId !== '' ? 'exec' : container.options.restore === undefined ? 'start' : 'restore';
      return { pid: await inWordsOf(verb, container.start(execId, signal)) };
    },
    async delete({ id, execId }, { signal }) {
      const task = tasks.get(id);
      const { pid } = task.container.process(execId);
      if (execId !== '') return { pid, ...exitFields(await deleteExec(task, execId, signal)) };
      const exit = await task.container.delete('', signal);
      await tasks.remove(task);
      return { pid, ...exitFields(exit) };
    },
    async exec({ id, execId, spec, terminal, stdin, stdout, stderr }, { connection }) {
      const task = tasks.get(id);
      if (execId === '') throw new RpcError(Code.InvalidArgument, 'the exec id is empty');
      const own = unpackAny(ExecOptions, spec);
      const process = parseJson('spec', own?.process ?? spec?.value);
      const stdio = { terminal, stdin, stdout, stderr };
      task.container.addExec(execId, process, readStdio(stdio, { ...task.stdioContext, id: execId }));
      task.execStdio.set(execId, stdio);
      if (own?.remove === true) autoRemoveExec(connection, task, execId);
      return {};
    },
    state: ({ id, execId }) => stateOf(tasks.get(id), execId),
    async pids({ id }) {
      const { container } = tasks.get(id);
      const execIds = new Map([...container.execs].map(([execId, { process }]) => [process.pid, execId]));
      const pids = await container.pids();
      const infoOf = (execId: string | undefined) =>
        execId === undefined ? undefined : packAny(ProcessDetails, { execId });
      return { processes: pids.map((pid) => ({ pid, info: infoOf(execIds.get(pid)) })) };
    },
    async pause({ id }, { signal }) {
      await tasks.get(id).container.pause(signal);
      return {};
    },
    async resume({ id }, { signal }) {
      await tasks.get(id).container.resume(signal);
      return {};
    },
    async checkpoint({ id, path, options }, { signal }) {
      const { container } = tasks.get(id);
      await container.checkpoint(readCheckpoint(path, options, container.options.bundle), signal);
      return {};
    },
    async kill({ id, execId, signal, all }) {
      if (signal > lastSignal) throw new RpcError(Code.InvalidArgument, `${signal} is not a signal`);
      await tasks.get(id).container.kill(execId, signal, all);
      return {};
    },
    resizePty({ width, height, ...ids }) {
      if (Math.max(width, height) > longestSide) {
        throw new RpcError(Code.InvalidArgument, `a terminal cannot have the size ${width}x${height}`);
      }
      processOf(ids).resize({ columns: width, rows: height });
      return {};
    },
    closeIO({ stdin, ...ids }) {
      const process = processOf(ids);
      if (stdin) process.closeStdin();
      return {};
    },
    async update({ id, resources }, { signal }) {
      await tasks.get(id).container.update(parseJson('resources', resources?.value), signal);
      return {};
    },
    async wait(ids, { signal, connection }) {
      const { exited } = processOf(ids);
      return exitFields(await countWait(connection, () => wait(exited, signal)));
    },
    stats({ id }) {
      const { cgroup } = tasks.get(id).container;
      if (cgroup === undefined) throw new RpcError(Code.NotFound, `the container ${id} has no control group`);
      return { stats: readMetrics(cgroup) };
    },
    connect: ({ id }) => ({ shimPid: process.pid, taskPid: tasks.get(id).container.init.pid, version }),
    shutdown() {
      // The answer is sent first.
      setImmediate(() => tasks.shutdown());
      return {};
    },
  };
}

/** SIGRTMAX; see signal(7). */
const lastSignal = 64;

/** Columns or rows; see ioctl_tty(2). */
const longestSide = 65_535;

/** If a runtime fails, the message begins as that of containerd's own shim, because people and programs look for it. */
async function inWordsOf<T>(verb: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof TermshimError) || error.code !== 'ERR_RUNTIME_FAILED') throw error;
    throw new RpcError(statusCodes[error.code], `OCI runtime ${verb} failed: ${error.message}`, { cause: error });
  }
}

const statuses: Readonly<Record<ProcessState, Status>> = {
  created: Status.CREATED,
  running: Status.RUNNING,
  paused: Status.PAUSED,
  stopped: Status.STOPPED,
  deleted: Status.STOPPED,
};

function stateOf({ request, container, execStdio }: Task, execId: string): StateResponse {
  const process = container.process(execId);
  const { terminal, stdin, stdout, stderr } = execStdio.get(execId) ?? request;
  return {
    id: execId === '' ? container.id : execId,
    bundle: request.bundle,
    pid: process.pid,
    status: statuses[process.state],
    execId,
    terminal,
    stdin,
    stdout,
    stderr,
    ...exitFields(process.exit),
  };
}

function exitFields(exit: Exit | undefined) {
  return { exitStatus: exit?.status ?? 0, exitedAt: exit === undefined ? undefined : timestampOf(exit.at.getTime()) };
}

function parseJson(name: string, value: Uint8Array | undefined): object {
  try {
    const parsed: unknown = readJson(Buffer.from(value ?? []).toString());
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // Thrown below.
  }
  throw new RpcError(Code.InvalidArgument, `the ${name} of the request is not a JSON object`);
}
