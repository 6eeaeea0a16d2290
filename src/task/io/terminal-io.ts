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
import { type OpenLogTargets, openLogTargets, logTargetTimeoutMs } from './log-targets.js';
import type { RuntimeIo, IoLimits, ProcessIo, TerminalSession, TerminalStdio } from './process-io.js';

export async function openTerminalIo(stdio: TerminalStdio, limits: IoLimits): Promise<ProcessIo> {
  const { log } = stdio;
  const { onError } = limits;
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
  return new TerminalIo(stdio, limits, stdin, logTargets);
}

class TerminalIo implements ProcessIo {
  readonly #stdio: TerminalStdio;
  readonly #limits: IoLimits;
  readonly #stdin: FifoReader | undefined;
  readonly #logTargets: OpenLogTargets;
  readonly #logTarget: OpenLogTarget | undefined;
  readonly #logBeside: OpenLogTarget | undefined;
  readonly #closing = new AbortController();
  readonly #opening: Promise<Sink>;
  #size: Size | undefined;
  #console: Console | undefined;
  #copy: ConsoleCopy | undefined;
  #subscriber: LogSubscriber | undefined;
  #terminal: TerminalSession | undefined;

  /** Takes over stdin and the log targets. */
  constructor(stdio: TerminalStdio, limits: IoLimits, stdin: FifoReader | undefined, logTargets: OpenLogTargets) {
    this.#stdio = stdio;
    this.#limits = limits;
    this.#stdin = stdin;
    this.#logTargets = logTargets;
    this.#logTarget = logTargets.find(stdio.stdout);
    this.#logBeside = logTargets.find(stdio.log);
    this.#size = stdio.size;
    // Stdout is opened while the runtime runs: its reader may give up when a short process has ended.
    const { signal } = this.#closing;
    const either = limits.signal === undefined ? signal : AbortSignal.any([signal, limits.signal]);
    this.#opening = openStdout(stdio, this.#logTarget, { ...limits, signal: either });
    this.#opening.catch(() => {});
  }

  get terminal(): TerminalSession | undefined {
    return this.#terminal;
  }

  async make(command: (io: RuntimeIo) => Promise<void>): Promise<void> {
    // Resize at once: crun runs an exec process before the runtime's command has ended.
    this.#console = await receiveFrom(command, this.#limits, (it) => this.#setSizeOf(it));
  }

  async connect(): Promise<void> {
    const console = this.#console;
    if (console === undefined) return;
    this.#setSizeOf(console);
    const stdout = await this.#opening;
    this.#logTargets.started([this.#logTarget?.stdout, this.#logBeside?.stdout]);
    const { stdinEnd = 'hangup' } = this.#stdio;
    const stdin = this.#stdin;
    const copy = copyConsole({ console, stdin, stdout, stdinEnd, endsOnHangup: false, drainTimeoutMs: 0 });
    this.#copy = copy;
    copy.done.catch(() => {});
    if (this.#logBeside !== undefined) {
      this.#subscriber = followOutput(copy.broadcast, this.#logBeside.stdout, this.#limits.onError);
    }
    this.#terminal = sessionOf(console, copy);
    // Creates the ring now: without a stdout FIFO, a client that attaches later gets the output before it.
    if (this.#stdio.stdout?.kind !== 'fifo') void copy.broadcast;
  }

  resize(wanted: Size): void {
    this.#size = wanted;
    if (this.#console?.isOpen) this.#console.resize(wanted);
  }

  closeStdin(): void {
    this.#stdin?.release();
  }

  reopenLogs(): Promise<string[]> {
    return this.#logTargets.reopen();
  }

  async drain(): Promise<void> {
    if (this.#copy === undefined) return;
    this.#copy.processEnded();
    const { drainTimeoutMs } = this.#limits;
    const timeoutMs = drainTimeoutMs || logTargetTimeoutMs;
    const passedOn = drain(this.#copy, this.#logTarget === undefined ? drainTimeoutMs : timeoutMs);
    await this.#logTargets.drain(passedOn, this.#subscriber === undefined ? [] : [this.#subscriber], timeoutMs);
  }

  async ended(timeoutMs: number): Promise<void> {
    if (this.#copy !== undefined) await ended(this.#copy, this.#logTargets, timeoutMs);
  }

  close(): void {
    this.#closing.abort();
    if (this.#copy === undefined) void closeWhenOpen(this.#opening);
    if (this.#copy === undefined) this.#console?.close();
    this.#copy?.abandon();
    this.#subscriber?.close();
    this.#stdin?.close();
    this.#logTargets.close();
  }

  #setSizeOf(console: Console): void {
    console.resize(this.#size ?? sizeOr(console, usualSize));
  }
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
