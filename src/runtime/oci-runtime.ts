/**
 * An OCI runtime (runc, crun, the embedded pty runtime) as an object with one method for each of its commands.
 *
 * A call runs the program once, or twice for a forced `delete`, and settles when the program has exited.
 */
import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseJson as readJson } from '../os/file/json.js';
import { TermshimError } from '../errors/errors.js';
import { isPid } from '../os/process/pid.js';
import { createPrivateDirectory } from '../os/file/private-directory.js';
import { runtimePathOf } from '../os/file/runtime-directory.js';
import { parseId } from './spec/container-id.js';
import { currentCommand } from './current-command.js';
import { type OciState, parseState } from './oci-state.js';
import {
  checkpointArguments,
  type CheckpointOptions,
  type CreateArguments,
  createArguments,
  deleteArguments,
  type ExecArguments,
  execArguments,
  type GlobalOptions,
  killArguments,
  type RestoreArguments,
  restoreArguments,
  updateArguments,
} from './runtime-arguments.js';
import {
  callRuntime,
  type RuntimeAnswer,
  type RuntimeCall,
  type RuntimeStdio,
  type WorkingDirectory,
} from './runtime-call.js';
import { withCriu } from './with-criu.js';

/** How the program of a runtime is called. */
export interface OciRuntimeOptions extends GlobalOptions {
  /** The program and its leading arguments. */
  command: readonly string[];
  /**
   * The name in error messages; by default the file name of the program. If you give a name and the program is gone, it is
   * looked up again by that name.
   */
  name?: string | undefined;
  /**
   * The working directory of the program, usually the bundle, since wrappers of runc look there for config.json. By default
   * that of this process.
   */
  directory?: WorkingDirectory | undefined;
  /** How long one command may take before the runtime is killed; 30,000 ms by default. */
  timeoutMs?: number | undefined;
}

/** Options of `create`. */
export interface CreateOptions extends CreateArguments {
  /**
   * The runtime's stdin, stdout and stderr, which a container without a terminal inherits. By default they are
   * /dev/null, but stderr is a private file that is read if the command fails. A container without a terminal keeps
   * that file, which then has no name and grows as long as the container writes. Pass `stdio` for a container that
   * should write nowhere.
   */
  stdio?: RuntimeStdio | undefined;
  /**
   * An abort kills the runtime, and the call throws the signal's reason. The container may need a forced `delete` then.
   */
  signal?: AbortSignal | undefined;
}

/** Options of `exec`. */
export interface ExecOptions extends ExecArguments {
  /** As in {@link CreateOptions}. */
  stdio?: RuntimeStdio | undefined;
  /** As in {@link CreateOptions}. If detached, the process is killed too; else the process in the container goes on. */
  signal?: AbortSignal | undefined;
}

/** Options of `restore`. */
export interface RestoreOptions extends RestoreArguments {
  /** As in {@link CreateOptions}. */
  stdio?: RuntimeStdio | undefined;
  /** As in {@link CreateOptions}. */
  signal?: AbortSignal | undefined;
}

/**
 * The commands of an OCI runtime. A command fails with ERR_RUNTIME_FAILED and the runtime's message if the runtime
 * refuses it, with ERR_RUNTIME_NOT_FOUND if there is no such program, with ERR_RUNTIME_DIED if a signal killed the
 * runtime, and with ERR_RUNTIME_TIMEOUT. An aborted `signal` kills the runtime and makes the call fail with its reason;
 * the command may or may not have taken effect.
 */
export interface OciRuntime {
  /** Its name in messages. */
  readonly name: string;
  /** Creates a container, whose process waits for `start`. */
  create(id: string, options: CreateOptions): Promise<void>;
  /** Runs the process of a container. */
  start(id: string, signal?: AbortSignal): Promise<void>;
  /** The answer of `state`. Fails with ERR_RUNTIME_FAILED for a container that does not exist. */
  state(id: string): Promise<OciState>;
  /** `signal` is a name such as `SIGTERM`, or a number. */
  kill(id: string, signal: string | number, options?: { all?: boolean | undefined }): Promise<void>;
  /** Removes a container that has stopped. With `force`, kills a running one first, and a missing one is no error. */
  delete(id: string, options?: { force?: boolean | undefined; signal?: AbortSignal | undefined }): Promise<void>;
  /**
   * Removes a container's state directory without the runtime, which may be uninstalled. Does nothing if the directory
   * is unknown.
   */
  forget(id: string): void;
  /**
   * Runs one more process in a container. If detached, returns 0 once the process runs. Otherwise waits for the process,
   * without a time limit, and returns its exit status.
   */
  exec(id: string, options: ExecOptions): Promise<number>;
  /** Freezes all processes of a container. */
  pause(id: string, signal?: AbortSignal): Promise<void>;
  /** Lets frozen processes run again. */
  resume(id: string, signal?: AbortSignal): Promise<void>;
  /** The pids of the container's processes, as this host sees them. */
  ps(id: string): Promise<number[]>;
  /** Writes the state of the processes to a directory, by criu. The container stops unless `leaveRunning` is set. */
  checkpoint(id: string, options: CheckpointOptions): Promise<void>;
  /**
   * Makes a container from a checkpoint, by criu; it runs at once. After an aborted `signal` call `delete` with
   * `force`.
   */
  restore(id: string, options: RestoreOptions): Promise<void>;
  /** Changes the limits of a container. `resources` is the object `linux.resources` of a config.json. */
  update(id: string, resources: object): Promise<void>;
  /**
   * The `data` of one `stats` event. crun (1.8.1) has no such command and the call fails with `unknown command events`;
   * the embedded pty runtime has no resources and fails too.
   */
  events(id: string): Promise<Record<string, unknown>>;
}

/**
 * An OCI runtime: runc, crun, or any program with the same command line.
 *
 * @example
 * ```js
 * import { findRuntime, ociRuntime, writeBundle } from 'termshim';
 *
 * const runtime = ociRuntime(findRuntime('pty'));
 * await writeBundle('sleeper', { ociVersion: '1.0.2', process: { args: ['/bin/sleep', '60'], cwd: '/' } });
 * await runtime.create('sleeper', { bundle: 'sleeper', stdio: ['ignore', 'ignore', 'ignore'] });
 * await runtime.start('sleeper');
 * const { status, pid } = await runtime.state('sleeper');
 * process.stdout.write(`process ${pid} is ${status}\n`);
 * await runtime.delete('sleeper', { force: true });
 * ```
 */
export function ociRuntime(options: OciRuntimeOptions): OciRuntime {
  const { command, directory, timeoutMs = 30_000 } = options;
  const name = options.name ?? basename(command[0] ?? '');
  const program = (): readonly string[] =>
    options.name === undefined ? command : currentCommand({ name: options.name, command: [...command] });

  const call = async (verb: string, args: string[], more: Partial<RuntimeCall> = {}): Promise<RuntimeAnswer> =>
    callRuntime({ name, command: program(), directory, globals: options, verb, args, timeoutMs, ...more });

  const run = async (verb: string, args: string[], more?: Partial<RuntimeCall>): Promise<void> => {
    await call(verb, args, more);
  };

  /** If there is a pid file afterwards, the exit status is that of the process; else it is that of the runtime. */
  const execInForeground = async (id: string, exec: ExecArguments, more: Partial<RuntimeCall>) => {
    const scratch = createPrivateDirectory('exec');
    try {
      const { pidFile = join(scratch.path, 'pid') } = exec;
      rmSync(pidFile, { force: true });
      const args = execArguments(id, { ...exec, pidFile });
      return await call('exec', args, { ...more, timeoutMs: Number.POSITIVE_INFINITY, madePidFile: pidFile });
    } finally {
      scratch.remove();
    }
  };

  /** Runs a command whose stdout is JSON that `read` understands. */
  const ask = async <T>(verb: string, args: string[], read: (text: string) => T | undefined): Promise<T> => {
    const { stdout } = await call(verb, args, { hasAnswer: true });
    const answer = read(stdout);
    if (answer !== undefined) return answer;
    throw new TermshimError('ERR_RUNTIME_FAILED', `${name} ${verb} failed: cannot understand its answer`);
  };

  return {
    name,
    create: (id, { stdio, signal, ...rest }) => run('create', createArguments(id, rest), { stdio, signal }),
    start: (id, signal) => run('start', [id], { signal, killed: 'whole' }),
    state: (id) => ask('state', [id], parseState),
    kill: (id, signal, { all } = {}) => run('kill', killArguments(id, signal, all)),
    async delete(id, { force, signal } = {}) {
      try {
        await run('delete', deleteArguments(id, false), { signal });
      } catch (error) {
        if (force !== true || !isAnswer(error)) throw error;
        await run('delete', deleteArguments(id, true), { signal });
      }
    },
    forget(id) {
      const root = options.root ?? usualRoot(name);
      if (root !== undefined) rmSync(join(root, parseId(id)), { recursive: true, force: true });
    },
    async exec(id, { stdio, signal, ...rest }) {
      const { status } =
        rest.detach === true
          ? await call('exec', execArguments(id, rest), { stdio, signal, killed: 'whole' })
          : await execInForeground(id, rest, { stdio, signal });
      return status;
    },
    pause: (id, signal) => run('pause', [id], { signal }),
    resume: (id, signal) => run('resume', [id], { signal }),
    checkpoint: (id, checkpoint) =>
      withCriu({ workPath: checkpoint.workPath, log: 'dump.log' }, () =>
        run('checkpoint', checkpointArguments(id, checkpoint), byCriu),
      ),
    restore: (id, { stdio, signal, ...rest }) =>
      withCriu({ workPath: rest.workPath, log: 'restore.log' }, () =>
        run('restore', restoreArguments(id, rest), { ...byCriu, stdio, signal }),
      ),
    ps: (id) => ask('ps', ['--format', 'json', id], parsePids),
    update: (id, resources) => run('update', updateArguments(id), { input: JSON.stringify(resources) }),
    events: (id) => ask('events', ['--stats', id], parseStats),
  };
}

/** The default root of runc and crun. */
function usualRoot(name: string): string | undefined {
  return name === 'runc' || name === 'crun' ? runtimePathOf(name) : undefined;
}

/**
 * Whether the runtime has ended by itself. Only then a forced delete follows a plain one. The plain one comes first:
 * from runc 1.2 on a forced one always sleeps for 100 ms, and almost always the container has stopped.
 */
function isAnswer(error: unknown): boolean {
  return error instanceof TermshimError && (error.code === 'ERR_RUNTIME_FAILED' || error.code === 'ERR_RUNTIME_DIED');
}

/** Whether a command failed because there is no such program. */
export function isMissing(error: unknown): boolean {
  return error instanceof TermshimError && error.code === 'ERR_RUNTIME_NOT_FOUND';
}

/** criu reads or writes all memory of the processes. */
const byCriu = { timeoutMs: 10 * 60_000, killed: 'helpers' } as const;

/** runc prints `null` for a container without processes. */
function parsePids(text: string): number[] | undefined {
  const pids = parseJson(text);
  if (pids === null) return [];
  return Array.isArray(pids) && pids.every(isPid) ? pids : undefined;
}

function parseStats(text: string): Record<string, unknown> | undefined {
  const event = parseJson(text) as { data?: unknown } | null | undefined;
  const data = event?.data;
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : undefined;
}

function parseJson(text: string): unknown {
  try {
    return readJson(text);
  } catch {
    return undefined;
  }
}
