/**
 * The stdio of a process with a terminal: a console that the runtime sends, between the stdin FIFO and the stdout
 * target.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Console, Size } from '../../os/console.js';
import { ConsoleSocket, type ReceiveOptions } from '../../os/console-socket.js';
import { TermshimError } from '../../errors/errors.js';
import { FifoReader } from '../../os/fifo.js';
import { acquireBoth } from '../../async/acquire-both.js';
import type { ConsoleCopy } from '../../stdio/copy/copy-api.js';
import { copyConsole } from '../../stdio/copy/copy-console.js';
import type { OpenLogTarget } from '../../stdio/log-target/log-target.js';
import { logTargetSink, type Sink } from '../../stdio/copy/sink.js';
import { drain, ended } from './drain.js';
import { followOutput, type LogSubscriber } from './follow-output.js';
import { openSink } from './open-sink.js';
import { openLogTargets, logTargetTimeoutMs } from './log-targets.js';
import type { RuntimeIo, IoLimits, ProcessIo, TerminalSession, TerminalStdio } from './process-io.js';

export async function openTerminalIo(stdio: TerminalStdio, limits: IoLimits): Promise<ProcessIo> {
  const { log } = stdio;
  const { onError, drainTimeoutMs } = limits;
  const stdin = openStdin(stdio);
  // The log targets are open before the runtime starts.
  const logTargets = await openLogTargets([stdio.stdout, log], false, {
    owner: undefined,
    signal: limits.signal,
    onError,
  }).catch((error: unknown) => {
    stdin?.close();
    throw error;
  });
  const [logTarget, logBeside] = [logTargets.find(stdio.stdout), logTargets.find(log)];
  let { size } = stdio;
  let console: Console | undefined;
  let copy: ConsoleCopy | undefined;
  let subscriber: LogSubscriber | undefined;
  let terminal: TerminalSession | undefined;
  // Stdout is opened while the runtime runs: its reader may give up when a short process has ended.
  const closing = new AbortController();
  const signal = limits.signal === undefined ? closing.signal : AbortSignal.any([closing.signal, limits.signal]);
  const opening = openStdout(stdio, logTarget, { ...limits, signal });
  opening.catch(() => {});
  return {
    get terminal() {
      return terminal;
    },
    async make(command) {
      // Resize at once: crun runs an exec process before the runtime's command has ended.
      console = await receiveFrom(command, limits, (it) => it.resize(size ?? sizeOr(it, usualSize)));
    },
    async connect() {
      if (console === undefined) return;
      console.resize(size ?? sizeOr(console, usualSize));
      const stdout = await opening;
      logTargets.started([logTarget?.stdout, logBeside?.stdout]);
      const { stdinEnd = 'hangup' } = stdio;
      copy = copyConsole({ console, stdin, stdout, stdinEnd, endsOnHangup: false, drainTimeoutMs: 0 });
      copy.done.catch(() => {});
      if (logBeside !== undefined) subscriber = followOutput(copy.broadcast, logBeside.stdout, onError);
      terminal = sessionOf(console, copy);
      // Creates the ring now: without a stdout FIFO, a client that attaches later gets the output before it.
      if (stdio.stdout?.kind !== 'fifo') void copy.broadcast;
    },
    resize(wanted) {
      size = wanted;
      if (console?.isOpen) console.resize(wanted);
    },
    closeStdin: () => stdin?.release(),
    reopenLogs: () => logTargets.reopen(),
    async drain() {
      if (copy === undefined) return;
      copy.processEnded();
      const timeoutMs = drainTimeoutMs || logTargetTimeoutMs;
      const passedOn = drain(copy, logTarget === undefined ? drainTimeoutMs : timeoutMs);
      await logTargets.drain(passedOn, subscriber === undefined ? [] : [subscriber], timeoutMs);
    },
    async ended(timeoutMs) {
      if (copy !== undefined) await ended(copy, logTargets, timeoutMs);
    },
    close() {
      closing.abort();
      if (copy === undefined) void closeWhenOpen(opening);
      if (copy === undefined) console?.close();
      copy?.abandon();
      subscriber?.close();
      stdin?.close();
      logTargets.close();
    },
  };
}

async function openStdout(
  { stdout, noReader = 'block' }: TerminalStdio,
  logTarget: OpenLogTarget | undefined,
  limits: IoLimits,
) {
  if (logTarget !== undefined) return logTargetSink(logTarget.stdout, logTarget);
  return await openSink(stdout?.kind === 'fifo' ? stdout : undefined, noReader, limits);
}

function sessionOf(console: Console, copy: ConsoleCopy): TerminalSession {
  let { size } = console;
  return {
    ttyName: console.name,
    get size() {
      if (console.isOpen) ({ size } = console);
      return size;
    },
    get stdinBytes() {
      return copy.stdinBytes;
    },
    get stdoutBytes() {
      return copy.stdoutBytes;
    },
    get readerAwayMs() {
      return copy.waitingSince === undefined ? undefined : performance.now() - copy.waitingSince;
    },
    get broadcast() {
      return copy.broadcast;
    },
    addInput: (options) => copy.addInput(options),
    observeInput: (onInput) => copy.observeInput(onInput),
  };
}

function openStdin({ stdin: path, holdStdin = false }: TerminalStdio): FifoReader | undefined {
  const stdin = path === undefined ? undefined : FifoReader.open(path);
  try {
    if (holdStdin) stdin?.hold();
    return stdin;
  } catch (error) {
    stdin?.close();
    throw error;
  }
}

async function closeWhenOpen(opening: Promise<Sink>): Promise<void> {
  const sink = await opening.catch(() => undefined);
  sink?.close();
}

/** The traditional size. Without a size many programs draw nothing, or divide by zero. */
const usualSize: Size = { columns: 80, rows: 24 };

/** A runtime leaves the size 0x0 if the bundle has none. */
function sizeOr(console: Console, otherwise: Size): Size {
  const { columns, rows } = console.size;
  return columns > 0 && rows > 0 ? { columns, rows } : otherwise;
}

async function receiveFrom(
  command: (io: RuntimeIo) => Promise<void>,
  limits: IoLimits,
  onConsole: (console: Console) => void,
): Promise<Console> {
  using socket = ConsoleSocket.listen();
  const created = new AbortController();
  const [console] = await acquireBoth(
    limits.signal,
    async (signal) => {
      const received = await receiveConsole(socket, { timeoutMs: limits.connectTimeoutMs, signal }, created.signal);
      onConsole(received);
      return received;
    },
    async (signal) => {
      await command({ consoleSocket: socket.path, signal }).finally(() => created.abort());
      return nothingToClose;
    },
  );
  return console;
}

/**
 * A runtime that fails may close its connection before it prints the reason (crun does). So an error of the socket is
 * thrown only when the runtime has ended, or after a second.
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

const nothingToClose = { close: (): void => {} };
