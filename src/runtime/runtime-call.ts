/**
 * One run of an OCI runtime's program.
 *
 * The runtime gets files of its own for its log and its answers, in a private directory that is gone when the call
 * settles. They are files and not pipes because a container inherits what its runtime had: the end of a pipe would come
 * only with the end of the container. For the same reason a call settles when the program exits.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, existsSync, openSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { TermshimError } from '../errors/errors.js';
import { createPrivateDirectory } from '../os/file/private-directory.js';
import { killDescendants, killTree } from '../os/process/kill-tree.js';
import { errnoOf, fileError, wordsOf } from '../errors/file-error.js';
import { leadsQuietSession } from '../os/process/process-session.js';
import { type GlobalOptions, globalArguments } from './runtime-arguments.js';
import { lastErrorWords } from './runtime-words.js';

/** The stdin, stdout and stderr of a runtime, and so of its container. Descriptors stay the caller's. */
export type RuntimeStdio = readonly [RuntimeStream, RuntimeStream, RuntimeStream];

/** A descriptor, /dev/null, or that of this process. */
export type RuntimeStream = number | 'ignore' | 'inherit';

export interface RuntimeCall {
  /** What messages call the runtime. */
  name: string;
  /** The program and its leading arguments. */
  command: readonly string[];
  globals: GlobalOptions;
  verb: string;
  args: readonly string[];
  /** Our own working directory if undefined. */
  directory?: WorkingDirectory | undefined;
  stdio?: RuntimeStdio | undefined;
  /** The text on stdin, where `stdio` is absent. */
  input?: string;
  /** The program's stdout is the answer. Elsewhere it is /dev/null, where `stdio` is absent. */
  hasAnswer?: boolean;
  signal?: AbortSignal | undefined;
  /** `alone` by default. */
  killed?: Killed;
  /** The time after which the runtime is killed. */
  timeoutMs: number;
  /**
   * As of `exec` in the foreground: where the runtime makes a process, it writes the pid to this file. The exit status is the
   * process's then, and the answer, unless there is an error in the log.
   */
  madePidFile?: string;
}

/**
 * What is killed after the signal, and when the time is up.
 *
 * - `alone`: the program. It has a second after the signal, to come to its end
 * - `whole`: at once, with all that it has made: for what leaves nothing but processes
 * - `helpers`: at once what it has made, so that it fails and cleans up behind itself; a second later the program too: for what
 *   leaves more than processes, and works by a program that it waits for, as criu is
 */
export type Killed = 'alone' | 'whole' | 'helpers';

/** Where a program runs; `/` if the directory cannot be entered. */
export interface WorkingDirectory {
  path: string;
  /**
   * Whether the directory may be on a disk that hangs. Then only the program enters it, and this process does not wait.
   */
  mayHang: boolean;
}

export interface RuntimeAnswer {
  status: number;
  stdout: string;
}

/**
 * Runs the program and waits for its exit. Throws ERR_RUNTIME_NOT_FOUND if it cannot be run, ERR_RUNTIME_FAILED with
 * its words if it said no, ERR_RUNTIME_DIED if a signal ended it, ERR_RUNTIME_TIMEOUT or the signal's reason if it was
 * killed for that. In each case the program is not running any more.
 */
export async function callRuntime(call: RuntimeCall): Promise<RuntimeAnswer> {
  call.signal?.throwIfAborted();
  const directory = createPrivateDirectory('runtime');
  try {
    const files = privateFiles(directory.path);
    const ending = await waitForEnd(call, startProgram(call, files));
    return await judge(call, files, ending);
  } finally {
    directory.remove();
  }
}

type Files = ReturnType<typeof privateFiles>;

function privateFiles(directory: string) {
  const path = (name: string): string => join(directory, name);
  return { log: path('log'), stdin: path('stdin'), stdout: path('stdout'), stderr: path('stderr') };
}

function startProgram(call: RuntimeCall, files: Files): ChildProcess {
  const words = [...call.command, ...globalArguments(call.globals, files.log), call.verb, ...call.args];
  const opened: number[] = [];
  const openPrivate = (path: string, flags: string): number => {
    const fd = openSync(path, flags, 0o600);
    opened.push(fd);
    return fd;
  };
  const openInput = (text: string): number => {
    writeFileSync(files.stdin, text, { mode: 0o600, flag: 'wx' });
    return openPrivate(files.stdin, 'r');
  };
  try {
    const [cwd, program = '', ...argv] = runIn(call.directory, words);
    const stdin = call.input === undefined ? 'ignore' : openInput(call.input);
    const stdout = call.hasAnswer === true ? openPrivate(files.stdout, 'wx') : 'ignore';
    const stdio = call.stdio ?? [stdin, stdout, openPrivate(files.stderr, 'wx')];
    // A ^C at our terminal, or its end, would kill it half-way through what it does for us. Where none can come it shares
    // our session: a new one is a scheduling group too (autogroup in sched(7)), which a busy machine serves late.
    return spawn(program, argv, { cwd, stdio: [...stdio], env: environment(), detached: !leadsQuietSession() });
  } catch (error) {
    throw spawnError(call, error);
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/** The directory, and the words. Node waits until its new process has entered the directory, and this process with it. */
function runIn(directory: WorkingDirectory | undefined, words: string[]): [cwd: string | undefined, ...argv: string[]] {
  if (directory === undefined) return [undefined, ...words];
  const { path, mayHang } = directory;
  if (!mayHang) return [canEnter(path) ? path : '/', ...words];
  const [program = ''] = words;
  // What the shell would say of a program that is not there is not for us to read.
  if (program.includes('/')) accessSync(program, constants.X_OK);
  return ['/', '/bin/sh', '-c', 'cd "$0" 2>/dev/null; exec "$@"', path, ...words];
}

function canEnter(path: string): boolean {
  try {
    accessSync(`${path}/.`, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Ours, but not the socket at which systemd hears from whoever started us: runc would give it to the container, and
 * `start` would wait for what the container has to say.
 */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, NOTIFY_SOCKET: undefined };
}

interface Ending {
  status: number | null;
  signal: NodeJS.Signals | null;
  isTimeout: boolean;
}

/**
 * How long a runtime has to finish after the signal: most commands take less, and one that is killed half-way leaves
 * what nobody can find again, a control group for one.
 */
const abortGraceMs = 1000;

/** How soon what the program has made since is looked for again. */
const helperMs = 50;

/** Kills the program when the time is up, or soon after the signal, and settles at its exit in every case. */
async function waitForEnd(call: RuntimeCall, child: ChildProcess): Promise<Ending> {
  const { killed = 'alone' } = call;
  let isTimeout = false;
  let helpers: NodeJS.Timeout | undefined;
  let grace: NodeJS.Timeout | undefined;
  const kill = (): void => {
    if (killed !== 'alone' && child.pid !== undefined && child.exitCode === null) killTree(child.pid);
    child.kill('SIGKILL');
  };
  const killLater = (): void => {
    const { pid } = child;
    if (killed === 'helpers' && pid !== undefined) {
      killDescendants(pid);
      helpers ??= setInterval(() => killDescendants(pid), helperMs);
    }
    grace ??= setTimeout(kill, abortGraceMs);
  };
  const onTimeout = (): void => {
    isTimeout = true;
    if (killed === 'helpers') killLater();
    else kill();
  };
  const isLimited = Number.isFinite(call.timeoutMs);
  const timer = isLimited ? setTimeout(onTimeout, call.timeoutMs) : undefined;
  const onAbort = (): void => {
    if (isLimited && killed !== 'whole') killLater();
    else grace = setTimeout(kill, 0);
  };
  call.signal?.addEventListener('abort', onAbort);
  try {
    return await new Promise<Ending>((resolve, reject) => {
      child.once('exit', (status, signal) => resolve({ status, signal, isTimeout }));
      child.on('error', (error) => reject(spawnError(call, error)));
    });
  } finally {
    clearTimeout(timer);
    clearTimeout(grace);
    clearInterval(helpers);
    call.signal?.removeEventListener('abort', onAbort);
  }
}

const notRunnable = new Set(['ENOENT', 'EACCES', 'ENOTDIR', 'ELOOP', 'ENOEXEC']);

function spawnError(call: RuntimeCall, error: unknown): TermshimError {
  const program = call.command[0] ?? '';
  const errno = errnoOf(error);
  if (errno === undefined || !notRunnable.has(errno)) return fileError(error, `run the runtime ${program}`);
  const message = `cannot run the runtime ${program}: ${wordsOf(errno)} (${errno})`;
  return new TermshimError('ERR_RUNTIME_NOT_FOUND', message, { syscall: 'execve', errno });
}

/** A container that inherited stderr may go on writing to it; what the runtime itself said stands at the beginning. */
const maxStderrBytes = 16_384;

/** Of the log, what stands at the end. */
const maxLogBytes = 65_536;

/** The longest answer is the list of a container's processes. A longer one is cut off, and so cannot be understood. */
const maxAnswerBytes = 4 * 1024 * 1024;

async function judge(call: RuntimeCall, files: Files, ending: Ending): Promise<RuntimeAnswer> {
  const { status, signal } = ending;
  // One whose helpers were killed says no for that alone.
  const isKilled =
    signal !== null || (call.killed === 'helpers' && (ending.isTimeout || call.signal?.aborted === true));
  const words =
    status === 0
      ? ''
      : lastErrorWords(await readIfThere(files.log, -maxLogBytes), await readIfThere(files.stderr, maxStderrBytes));
  // A runtime that said no did so before it could be killed: its words count for more than the abort.
  if (call.signal?.aborted && (status === 0 || isKilled)) throw abortedWith(call.signal.reason, call.name, words);
  if (status === 0 && !isKilled)
    return { status, stdout: call.hasAnswer === true ? await readIfThere(files.stdout, maxAnswerBytes) : '' };
  const isProcess = call.madePidFile !== undefined && existsSync(call.madePidFile);
  if (status !== null && isProcess && words === '') return { status, stdout: '' };
  throw failureOf(call, ending, isKilled, words);
}

/** Why the wait was given up, and what the runtime had said until then. */
function abortedWith(reason: unknown, name: string, words: string): unknown {
  if (words === '' || !(reason instanceof TermshimError)) return reason;
  return new TermshimError(reason.code, `${reason.message}; ${name} said: ${words}`, { cause: reason });
}

function failureOf(
  { name, verb, timeoutMs }: RuntimeCall,
  { status, signal, isTimeout }: Ending,
  isKilled: boolean,
  words: string,
): TermshimError {
  if (!isKilled) {
    const reason = words === '' ? `exit status ${status}, and it gave no reason` : words;
    return new TermshimError('ERR_RUNTIME_FAILED', `${name} ${verb} failed: ${reason}`);
  }
  const said = words === '' ? 'it gave no reason' : `it said: ${words}`;
  if (isTimeout) {
    const message = `${name} ${verb} did not finish within ${timeoutMs} ms and was killed; ${said}`;
    return new TermshimError('ERR_RUNTIME_TIMEOUT', message);
  }
  return new TermshimError('ERR_RUNTIME_DIED', `${name} ${verb} was killed by ${signal}; ${said}`);
}

/** The beginning of a file of the call, or, with a negative number, its end; empty if the runtime did not write it. */
async function readIfThere(path: string, bytes: number): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const { size } = await file.stat();
    const length = Math.min(size, Math.abs(bytes));
    const position = bytes < 0 ? size - length : 0;
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, position);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw fileError(error, `read ${path}`);
  } finally {
    await file?.close();
  }
}
