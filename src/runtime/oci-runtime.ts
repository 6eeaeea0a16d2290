/**
 * An OCI runtime (runc, crun, the embedded pty runtime) as an object with one method for each of its commands.
 *
 * Each call runs the program once and settles when it has exited. All of them throw ERR_RUNTIME_NOT_FOUND if the
 * program cannot be run, ERR_RUNTIME_FAILED with the runtime's own last words if it said no, ERR_RUNTIME_DIED if a
 * signal ended it, and ERR_RUNTIME_TIMEOUT.
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

export interface OciRuntimeOptions extends GlobalOptions {
  /** The program and its leading arguments. */
  command: readonly string[];
  /**
   * What messages call it; by default the file name of the program. By a name that was given, the program is looked up again
   * where it is gone.
   */
  name?: string | undefined;
  /**
   * Where it runs: the bundle of its container, since programs that stand in front of runc read config.json and init.pid there.
   * Our own working directory by default.
   */
  directory?: WorkingDirectory | undefined;
  /** How long the runtime may take for one command, then it is killed. 30 seconds by default. */
  timeoutMs?: number | undefined;
}

export interface CreateOptions extends CreateArguments {
  /**
   * The runtime's stdin, stdout and stderr, which without a terminal become the container's. By default /dev/null, but
   * stderr is a private file that is read if the command fails; a container without a terminal inherits that file,
   * which then has no name and may grow as long as the container writes. Pass `stdio` for a container that should
   * write nowhere.
   */
  stdio?: RuntimeStdio | undefined;
  /** Kills the runtime and makes the call throw the signal's reason. What was created may need a forced `delete`. */
  signal?: AbortSignal | undefined;
}

export interface ExecOptions extends ExecArguments {
  /** As in {@link CreateOptions}. */
  stdio?: RuntimeStdio | undefined;
  /** As in {@link CreateOptions}. Detached, what was made is killed too; else the process in the container is left alone. */
  signal?: AbortSignal | undefined;
}

export interface RestoreOptions extends RestoreArguments {
  /** As in {@link CreateOptions}. */
  stdio?: RuntimeStdio | undefined;
  /** As in {@link CreateOptions}. */
  signal?: AbortSignal | undefined;
}

export interface OciRuntime {
  /** What messages call it. */
  readonly name: string;
  create(id: string, options: CreateOptions): Promise<void>;
  /** An aborted `signal`, here and below, kills the runtime at once and makes the call throw its reason: it may be done or not. */
  start(id: string, signal?: AbortSignal): Promise<void>;
  state(id: string): Promise<OciState>;
  /** `signal` is a name such as `SIGTERM`, or a number. */
  kill(id: string, signal: string | number, options?: { all?: boolean | undefined }): Promise<void>;
  /**
   * With `force` it kills what runs, and a container that does not exist is no error. An aborted `signal` kills the runtime
   * and makes the call throw its reason.
   */
  delete(id: string, options?: { force?: boolean | undefined; signal?: AbortSignal | undefined }): Promise<void>;
  /**
   * Removes what the runtime has kept of a container, without it: it may be gone. Nothing, where it is not known where that is.
   */
  forget(id: string): void;
  /**
   * Runs one more process. Detached, it settles when the process runs, with 0; else it waits for the process, without a
   * time limit, and answers its exit status.
   */
  exec(id: string, options: ExecOptions): Promise<number>;
  pause(id: string, signal?: AbortSignal): Promise<void>;
  resume(id: string, signal?: AbortSignal): Promise<void>;
  /** The pids of the container's processes, as this host sees them. */
  ps(id: string): Promise<number[]>;
  /** Writes the state of the processes to a directory, by criu; the container stops unless told otherwise. */
  checkpoint(id: string, options: CheckpointOptions): Promise<void>;
  /**
   * Makes a container of what `checkpoint` has written, by criu; it runs at once. What an aborted `signal` leaves needs a forced
   * `delete`.
   */
  restore(id: string, options: RestoreOptions): Promise<void>;
  /** `resources` is the OCI `linux.resources` object. */
  update(id: string, resources: object): Promise<void>;
  /**
   * The `data` of one `stats` event. crun (1.8.1) has no such command and the call fails with `unknown command events`;
   * the embedded pty runtime has no resources and fails too.
   */
  events(id: string): Promise<Record<string, unknown>>;
}

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

  /** The pid file tells the exit status of a process from that of a runtime which made none. */
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

/** Where runc and crun have their root by themselves. */
function usualRoot(name: string): string | undefined {
  return name === 'runc' || name === 'crun' ? runtimePathOf(name) : undefined;
}

/**
 * Whether the runtime came to an end of its own. A forced delete comes only after a plain one that did: from runc 1.2 on it
 * sleeps for 100 ms, whatever state the container is in, and almost always that has ended.
 */
function isAnswer(error: unknown): boolean {
  return error instanceof TermshimError && (error.code === 'ERR_RUNTIME_FAILED' || error.code === 'ERR_RUNTIME_DIED');
}

/** Whether a command failed because there is no such program. */
export function isMissing(error: unknown): boolean {
  return error instanceof TermshimError && error.code === 'ERR_RUNTIME_NOT_FOUND';
}

/** criu reads or writes as much as the processes have in memory. */
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
