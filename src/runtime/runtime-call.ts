/**
 * One run of an OCI runtime's program.
 *
 * The runtime gets files for its log and its answers, in a private directory that is removed when the call settles.
 * They are files and not pipes because a container inherits the descriptors of its runtime: a pipe would end only with
 * the container. For the same reason a call settles when the program exits.
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

/** The stdin, stdout and stderr of a runtime, and so of its container. The caller owns the descriptors. */
export type RuntimeStdio = readonly [RuntimeStream, RuntimeStream, RuntimeStream];

/** A descriptor, /dev/null, or the same stream of this process. */
export type RuntimeStream = number | 'ignore' | 'inherit';

export interface RuntimeCall {
  /** The runtime's name in messages. */
  name: string;
  /** The program and its leading arguments. */
  command: readonly string[];
  globals: GlobalOptions;
  verb: string;
  args: readonly string[];
  /** The working directory of this process if undefined. */
  directory?: WorkingDirectory | undefined;
  stdio?: RuntimeStdio | undefined;
  /** The text on stdin. Only without `stdio`. */
  input?: string;
  /** Whether the program's stdout is the answer; else it is /dev/null. Only without `stdio`. */
  hasAnswer?: boolean;
  signal?: AbortSignal | undefined;
  /** `alone` by default. */
  killed?: Killed;
  /** The time after which the runtime is killed. */
  timeoutMs: number;
  /**
   * For `exec` in the foreground: if the runtime makes a process, it writes the pid to this file. The exit status is
   * then that of the process, and the call succeeds, unless the runtime has reported an error.
   */
  madePidFile?: string;
}

/**
 * What is killed after an abort or a timeout.
 *
 * - `alone`: the program. After an abort it has a second to finish, if the call has a time limit
 * - `whole`: at once, the program and all processes that it has made: for commands that leave only processes
 * - `helpers`: at once the processes that it has made, so that it fails and cleans up; a second later the program too:
 *   for commands that leave more than processes and wait for another program, such as criu
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
 * Runs the program and waits for its exit. Throws ERR_RUNTIME_NOT_FOUND if the program cannot be run,
 * ERR_RUNTIME_FAILED with its error message if it failed, ERR_RUNTIME_DIED if a signal ended it, and
 * ERR_RUNTIME_TIMEOUT or the signal's reason if it was killed for that. In each case the program has ended.
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
    // A ^C or a hang-up of this process's terminal must not kill the runtime half-way. If none can come, the runtime
    // shares the session of this process: a new one is also a scheduling group (autogroup in sched(7)), which has its
    // turn late on a busy machine.
    return spawn(program, argv, { cwd, stdio: [...stdio], env: environment(), detached: !leadsQuietSession() });
  } catch (error) {
    throw spawnError(call, error);
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/**
 * The working directory and the command line. `spawn` blocks this process until the child has entered its directory, so
 * a shell enters a directory that may hang.
 */
function runIn(directory: WorkingDirectory | undefined, words: string[]): [cwd: string | undefined, ...argv: string[]] {
  if (directory === undefined) return [undefined, ...words];
  const { path, mayHang } = directory;
  if (!mayHang) return [canEnter(path) ? path : '/', ...words];
  const [program = ''] = words;
  // The shell's message about a missing program is not read.
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
 * The environment of this process without systemd's NOTIFY_SOCKET: runc would give it to the container, and `start`
 * would wait for the container's message.
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
 * How long a runtime has to finish after an abort. Most commands take less. A runtime that is killed half-way leaves
 * things that cannot be found again, such as a control group.
 */
const abortGraceMs = 1000;

/** How often to look for processes that the program has made since. */
const helperMs = 50;

/** Kills the program after a timeout or an abort. Settles at its exit in every case. */
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

/** The runtime's own message is at the beginning of stderr. A container that inherited stderr may write more. */
const maxStderrBytes = 16_384;

/** How much of the end of the log is read. */
const maxLogBytes = 65_536;

/** The longest answer is the list of a container's processes. A longer one is cut off, and so cannot be parsed. */
const maxAnswerBytes = 4 * 1024 * 1024;

async function judge(call: RuntimeCall, files: Files, ending: Ending): Promise<RuntimeAnswer> {
  const { status, signal } = ending;
  // If its helpers were killed, the runtime fails for that reason.
  const isKilled =
    signal !== null || (call.killed === 'helpers' && (ending.isTimeout || call.signal?.aborted === true));
  const words =
    status === 0
      ? ''
      : lastErrorWords(await readIfThere(files.log, -maxLogBytes), await readIfThere(files.stderr, maxStderrBytes));
  // If the runtime failed before it could be killed, its error counts for more than the abort.
  if (call.signal?.aborted && (status === 0 || isKilled)) throw abortedWith(call.signal.reason, call.name, words);
  if (status === 0 && !isKilled)
    return { status, stdout: call.hasAnswer === true ? await readIfThere(files.stdout, maxAnswerBytes) : '' };
  const isProcess = call.madePidFile !== undefined && existsSync(call.madePidFile);
  if (status !== null && isProcess && words === '') return { status, stdout: '' };
  throw failureOf(call, ending, isKilled, words);
}

/** The reason of the abort, and the runtime's error message, if there is one. */
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
    const reason = words === '' ? `exit status ${status}, without a message` : words;
    return new TermshimError('ERR_RUNTIME_FAILED', `${name} ${verb} failed: ${reason}`);
  }
  const said = words === '' ? 'it printed no message' : `it said: ${words}`;
  if (isTimeout) {
    const message = `${name} ${verb} did not finish within ${timeoutMs} ms and was killed; ${said}`;
    return new TermshimError('ERR_RUNTIME_TIMEOUT', message);
  }
  return new TermshimError('ERR_RUNTIME_DIED', `${name} ${verb} was killed by ${signal}; ${said}`);
}

/** Reads the beginning of a file of the call, or its end if `bytes` is negative. Empty if there is no such file. */
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
