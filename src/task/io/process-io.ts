/**
 * A process's stdin, stdout and stderr: what its runtime is given for them, and where their bytes go.
 */
import type { Size } from '../../os/console.js';
import type { RuntimeStdio } from '../../runtime/runtime-call.js';
import type { ClientInputOptions } from '../../stdio/copy/client-input.js';
import type { StdinEnd } from '../../stdio/copy/console-input.js';
import type { Broadcast } from '../../stdio/broadcast/broadcast.js';
import type { OutputTarget, LogTarget } from '../../stdio/log-target/output-target.js';
import type { FifoPolicy } from '../../stdio/copy/sink.js';

export type ProcessStdio = TerminalStdio | PipeStdio | InheritedStdio;

interface CommonStdio {
  /** The words that asked for it, for whoever wants to hear them again. */
  requested?: RequestedStdio | undefined;
  /** The path of a FIFO; undefined for nothing to read. */
  stdin: string | undefined;
  /** Whether stdin ends only after `closeStdin`, however many writers come and go, as containerd has it. */
  holdStdin: boolean;
  /** Undefined for output that nobody wants. */
  stdout: OutputTarget | undefined;
  /** Of FIFOs. */
  noReader: FifoPolicy;
  /** What gets all that stdout and stderr get, beside them. */
  log: LogTarget | undefined;
}

/** As in the requests Create and Exec of the Task service. */
export interface RequestedStdio {
  stdin: string;
  stdout: string;
  stderr: string;
}

export interface TerminalStdio extends CommonStdio {
  kind: 'terminal';
  stdinEnd: StdinEnd;
  /** Set before the process starts, so that it is right from the first byte. */
  size: Size | undefined;
}

export interface PipeStdio extends CommonStdio {
  kind: 'pipes';
  /** Undefined for output that nobody wants. */
  stderr: OutputTarget | undefined;
  /** Who owns the pipes, where that is not us. */
  owner: { uid: number; gid: number } | undefined;
}

/** Descriptors that the process gets as they are. */
export interface InheritedStdio {
  kind: 'inherited';
  streams: RuntimeStdio;
}

export interface IoLimits {
  /** How long the console may take to come, and a reader of an output. */
  connectTimeoutMs: number;
  /** How long a reader that is there may take to read what is left when the process has ended; 0 waits without end. */
  drainTimeoutMs: number;
  /** Gives the process up while it is made. */
  signal?: AbortSignal | undefined;
  /** Told of what went wrong where nobody waits for an answer. */
  onError: (error: Error) => void;
}

/** What the runtime's command that makes the process is given. */
export interface RuntimeIo {
  consoleSocket?: string | undefined;
  stdio?: RuntimeStdio | undefined;
  signal?: AbortSignal | undefined;
}

/** The terminal of a process that has one. */
export interface TerminalSession {
  /** The tty as the process sees it, `/dev/pts/0`. */
  readonly ttyName: string;
  readonly size: Size;
  readonly stdinBytes: number;
  readonly stdoutBytes: number;
  /** For how long the console has waited for a reader of its stdout FIFO, in milliseconds; undefined if it does not. */
  readonly readerAwayMs: number | undefined;
  /** For those who follow the output beside the stdout FIFO. */
  readonly broadcast: Broadcast;
  /** One more that types. Does nothing once the process has ended. */
  addInput(options: ClientInputOptions): { close(): void };
  /** For those who record what is typed. The bytes are only lent. */
  observeInput(onInput: (bytes: Uint8Array) => void): { close(): void };
}

export interface ProcessIo {
  /** Undefined before the console has come, and without one. */
  readonly terminal?: TerminalSession | undefined;
  /** Runs the command that makes the process, and receives its console if it has one. */
  make(command: (io: RuntimeIo) => Promise<void>): Promise<void>;
  /** Starts to copy, once the process is known. */
  connect(): Promise<void>;
  /** Before the console has come it is remembered. Does nothing without a console. */
  resize(size: Size): void;
  /** Whoever writes to stdin is the last: when they have gone, it ends. */
  closeStdin(): void;
  /** Opens the files of its logs anew, those that we write. Returns their paths. Fails with ERR_LOG_FAILED. */
  reopenLogs(): Promise<string[]>;
  /**
   * To be called once, when the process has been reaped. Settles when all it wrote has been read and passed on, or
   * waits in a FIFO that nobody reads, or when the time for a slow reader is up. What others go on writing is copied still.
   */
  drain(): Promise<void>;
  /** After `drain`: settles when nobody writes any more and all was passed on, when nobody reads, or when the time is up. */
  ended(timeoutMs: number): Promise<void>;
  /** Closes everything now. What others write after `drain` is read and dropped: nobody dies of it. Idempotent. */
  close(): void;
}
