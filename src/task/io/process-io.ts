/**
 * A process's stdin, stdout and stderr: what its runtime is given for them, and where their bytes go.
 */
import type { Size } from '../../os/console.js';
import type { PipeOwner } from '../../os/pipe.js';
import type { RuntimeStdio } from '../../runtime/runtime-call.js';
import type { ClientInputOptions } from '../../stdio/copy/client-input.js';
import type { StdinEnd } from '../../stdio/copy/console-input.js';
import type { Broadcast } from '../../stdio/broadcast/broadcast.js';
import type { OutputTarget, LogTarget } from '../../stdio/log-target/output-target.js';
import type { FifoPolicy } from '../../stdio/copy/sink.js';

/** Where the bytes of a process come from and go to: a terminal, pipes, or descriptors that it inherits. */
export type ProcessStdio = TerminalStdio | PipeStdio | InheritedStdio;

/** What a terminal and pipes have in common. */
export interface CommonStdio {
  /** The path of the FIFO that stdin is read from. By default there is no input. */
  stdin?: string | undefined;
  /**
   * Whether stdin stays open until `closeStdin`, however many writers come and go, as containerd expects. By default (false)
   * it ends when its last writer has gone.
   */
  holdStdin?: boolean | undefined;
  /** Where stdout goes; by default it is dropped. */
  stdout?: OutputTarget | undefined;
  /** What happens while nobody reads a FIFO; `block` by default. */
  noReader?: FifoPolicy | undefined;
  /** A second target, which gets a copy of stdout and stderr. */
  log?: LogTarget | undefined;
}

/** The process has a terminal, whose output is its stdout and stderr in one. */
export interface TerminalStdio extends CommonStdio {
  kind: 'terminal';
  /** What the end of stdin does; `hangup` by default. */
  stdinEnd?: StdinEnd | undefined;
  /** The size before the process starts. By default that of config.json, else 80 columns and 24 rows. */
  size?: Size | undefined;
}

/** The process has three pipes. */
export interface PipeStdio extends CommonStdio {
  kind: 'pipes';
  /** Where stderr goes; by default it is dropped. */
  stderr?: OutputTarget | undefined;
  /** The owner of the pipes, who may open `/dev/stdout`; by default this process's user. */
  owner?: PipeOwner | undefined;
}

/** The process gets descriptors of this process as they are. They stay the caller's. */
export interface InheritedStdio {
  kind: 'inherited';
  /** For stdin, stdout and stderr. */
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

/** The terminal of a process. */
export interface TerminalSession {
  /** The path of the tty as the process sees it, such as `/dev/pts/0`. */
  readonly ttyName: string;
  readonly size: Size;
  readonly stdinBytes: number;
  readonly stdoutBytes: number;
  /** For how long the console has waited for a reader of its stdout FIFO, in milliseconds; undefined if it does not. */
  readonly readerAwayMs: number | undefined;
  /** For those who follow the output beside the stdout FIFO. */
  readonly broadcast: Broadcast;
  /** Types what comes from one more descriptor. Does nothing once the process has ended. */
  addInput(options: ClientInputOptions): { close(): void };
  /** Calls `onInput` with everything that is typed from now on, in order. Copy the bytes if you keep them. */
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
