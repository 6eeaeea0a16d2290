/**
 * A container's life, from `create` to `delete`: the runtime, the console and the copy, in the order that loses nothing.
 *
 * The end is law: the process is reaped, then the console drained, then the sinks flushed and closed, then the exit is
 * told.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Console, Size } from '../os/console.js';
import { ConsoleSocket, type ReceiveOptions } from '../os/console-socket.js';
import { TermshimError } from '../os/errors.js';
import { FifoReader, FifoWriter } from '../os/fifo-stream.js';
import { createPrivateDirectory } from '../os/private-directory.js';
import { type ProcessWatch, watchProcess } from '../os/reaper.js';
import { becomeSubreaper, holdOrphans } from '../os/subreaper.js';
import { together } from '../os/together.js';
import type { OciRuntime } from '../runtime/oci-runtime.js';
import type { RuntimeStdio } from '../runtime/runtime-call.js';
import type { StdinEnd } from '../stdio/console-input.js';
import { type ConsoleCopy, copyConsole } from '../stdio/copy-console.js';
import { type NoReader, fifoSink } from '../stdio/sink.js';

export interface TerminalOptions {
  /** A FIFO, or nothing to type. */
  stdin: string | undefined;
  /** A FIFO. */
  stdout: string;
  /** Set before the process starts, so that it is right from the first byte. */
  size: Size | undefined;
  noReader: NoReader;
  stdinEnd: StdinEnd;
}

export interface TaskOptions {
  id: string;
  runtime: OciRuntime;
  /** The directory with config.json, whose `process.terminal` agrees with `stdio`. */
  bundle: string;
  /** A terminal, or descriptors that the process gets as they are. */
  stdio: TerminalOptions | RuntimeStdio;
  /** How long the console may take to come, and a reader of stdout. */
  connectTimeoutMs: number;
  /** How long the output may take to be read once the process has ended; 0 waits without end. */
  drainTimeoutMs: number;
  signal?: AbortSignal;
}

export interface Task {
  readonly id: string;
  readonly pid: number;
  start(): Promise<void>;
  /** The exit status as a shell says it, told when the output has been copied. */
  readonly exited: Promise<number>;
  /** Does nothing for a process that has ended or has no terminal. */
  resize(size: Size): void;
  /** Sends a signal by number to the container's init. False if it has ended. */
  signal(number: number): boolean;
  /** Removes the container, by force if it still runs. */
  delete(): Promise<void>;
}

/**
 * Creates the container; its process waits for `start`. If that fails, nothing of it stays. We become a subreaper: the
 * runtime leaves the container's init to us.
 */
export async function createTask(options: TaskOptions): Promise<Task> {
  becomeSubreaper();
  const { stdio } = options;
  const stdin = isTerminal(stdio) && stdio.stdin ? FifoReader.open(stdio.stdin) : undefined;
  let created: Created | undefined;
  try {
    created = await createContainer(options);
    return await connectTask(options, created, stdin);
  } catch (error) {
    stdin?.close();
    if (created !== undefined) {
      created.console?.close();
      created.process.close();
      await removeContainer(options);
    }
    throw error;
  }
}

interface Created {
  process: ProcessWatch;
  console: Console | undefined;
}

/** The process may end before its pid is known: no orphan is reaped until it is watched. */
async function createContainer(options: TaskOptions): Promise<Created> {
  using socket = isTerminal(options.stdio) ? ConsoleSocket.listen() : undefined;
  const directory = createPrivateDirectory('task');
  const releaseOrphans = holdOrphans();
  let console: Console | undefined;
  try {
    const pidFile = join(directory.path, 'pid');
    console = await callCreate(options, pidFile, socket);
    return { process: watchProcess(Number(readFileSync(pidFile, 'utf8'))), console };
  } catch (error) {
    releaseOrphans();
    console?.close();
    if (!isRefusal(error)) await removeContainer(options);
    throw error;
  } finally {
    releaseOrphans();
    directory.remove();
  }
}

async function callCreate(
  { id, runtime, bundle, stdio, signal, connectTimeoutMs: timeoutMs }: TaskOptions,
  pidFile: string,
  socket: ConsoleSocket | undefined,
): Promise<Console | undefined> {
  if (isTerminal(stdio) && socket !== undefined) {
    const created = new AbortController();
    const [console] = await together(
      signal,
      (either) => receiveConsole(socket, { timeoutMs, signal: either }, created.signal),
      async (either) => {
        const consoleSocket = socket.path;
        await runtime.create(id, { bundle, pidFile, consoleSocket, signal: either }).finally(() => created.abort());
        return nothingToClose;
      },
    );
    return console;
  }
  await runtime.create(id, { bundle, pidFile, stdio: stdio as RuntimeStdio, signal });
  return undefined;
}

/**
 * A runtime that fails may drop its connection before it has said why (crun does): what came amiss at the socket is told
 * only when the runtime has ended, or has not for a second.
 */
async function receiveConsole(socket: ConsoleSocket, options: ReceiveOptions, created: AbortSignal): Promise<Console> {
  try {
    return await socket.receive(options);
  } catch (error) {
    if (error instanceof TermshimError && error.code === 'ERR_CONSOLE_MESSAGE' && !created.aborted) {
      await delay(1000, undefined, { signal: created }).catch(() => {});
    }
    throw error;
  }
}

async function connectTask(options: TaskOptions, { process, console }: Created, stdin?: FifoReader): Promise<Task> {
  const copying = console === undefined ? undefined : await startCopy(options, console, stdin);
  const exited = waitForExit(process, copying);
  exited.catch(() => {});
  return {
    id: options.id,
    pid: process.pid,
    start: () => options.runtime.start(options.id),
    exited,
    resize(size) {
      if (console?.isOpen) console.resize(size);
    },
    signal: (number) => process.signal(number),
    delete: () => options.runtime.delete(options.id, { force: true }),
  };
}

async function startCopy(options: TaskOptions, console: Console, stdin?: FifoReader): Promise<ConsoleCopy> {
  const { size, stdout, noReader, stdinEnd } = options.stdio as TerminalOptions;
  if (size !== undefined) console.resize(size);
  const writer = await FifoWriter.open(stdout, { timeoutMs: options.connectTimeoutMs, signal: options.signal });
  const { drainTimeoutMs } = options;
  const sink = fifoSink(writer, noReader);
  return copyConsole({ console, stdin, stdout: sink, stdinEnd, endsOnHangup: false, drainTimeoutMs });
}

async function waitForExit(process: ProcessWatch, copying: ConsoleCopy | undefined): Promise<number> {
  const status = await process.exited;
  copying?.processEnded();
  await copying?.done;
  if (status !== undefined) return status;
  throw new TermshimError('ERR_PROCESS_NOT_FOUND', `process ${process.pid} was reaped by somebody else`);
}

function isTerminal(stdio: TaskOptions['stdio']): stdio is TerminalOptions {
  return 'stdout' in stdio;
}

const nothingToClose = { close: (): void => {} };

/**
 * Whether the runtime itself said no. It has cleaned up then, and a container of that id is another one: it must not be
 * removed.
 */
function isRefusal(error: unknown): boolean {
  return error instanceof TermshimError && refusals.has(error.code);
}

const refusals = new Set<string>(['ERR_RUNTIME_FAILED', 'ERR_RUNTIME_NOT_FOUND']);

/**
 * There may be nothing to remove, and a runtime that hung once hangs again: the error that led here is the one to tell,
 * and soon.
 */
async function removeContainer({ runtime, id }: TaskOptions): Promise<void> {
  await runtime.delete(id, { force: true, signal: AbortSignal.timeout(5000) }).catch(() => {});
}
