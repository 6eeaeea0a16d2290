/**
 * A process's stdin, stdout and stderr: what the runtime gets for them, and where their bytes go.
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
   * Whether stdin stays open until `closeStdin`, however many writers come and go, as containerd expects. By default
   * (false) it ends when its last writer has gone.
   */
  holdStdin?: boolean | undefined;
  /** Where stdout goes; by default it is dropped. */
  stdout?: OutputTarget | undefined;
  /** What happens while a FIFO has no reader; `block` by default. */
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

/** The process inherits descriptors of this process. The caller still owns them. */
export interface InheritedStdio {
  kind: 'inherited';
  /** For stdin, stdout and stderr. */
  streams: RuntimeStdio;
}

export interface IoLimits {
  /** How long to wait for the console, and for a reader of an output; 0 waits without end. */
  connectTimeoutMs: number;
  /** How long a reader may take for the rest of the output when the process has ended; 0 waits without end. */
  drainTimeoutMs: number;
  /** Cancels the launch of the process. */
  signal?: AbortSignal | undefined;
  /** Called with an error that no call can report. */
  onError: (error: Error) => void;
}

/** What the runtime's command gets to make the process. */
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
  /** How long the console has waited for a reader of its stdout, in milliseconds; undefined while it does not wait. */
  readonly readerAwayMs: number | undefined;
  /** Passes the output to subscribers besides the stdout FIFO. */
  readonly broadcast: Broadcast;
  /** Types the bytes of one more descriptor. Does nothing once the process has ended. */
  addInput(options: ClientInputOptions): { close(): void };
  /** Calls `onInput` with everything that is typed from now on, in order. Copy the bytes if you keep them. */
  observeInput(onInput: (bytes: Uint8Array) => void): { close(): void };
}

export interface ProcessIo {
  /** Undefined before `connect`, and for a process without a terminal. */
  readonly terminal?: TerminalSession | undefined;
  /** Runs the command that makes the process, and receives its console if it has one. */
  make(command: (io: RuntimeIo) => Promise<void>): Promise<void>;
  /** Starts to copy, once the process is known. */
  connect(): Promise<void>;
  /**
   * Resizes the console; before the console has come, sets the size that it will have. Does nothing without a terminal.
   */
  resize(size: Size): void;
  /** Releases the hold on stdin (`holdStdin`): stdin ends when its last writer has gone. */
  closeStdin(): void;
  /** Reopens the log files that termshim writes. Returns their paths. Fails with ERR_LOG_FAILED. */
  reopenLogs(): Promise<string[]>;
  /**
   * Call it once, when the process has been reaped. Settles when all its output has been passed on, when the rest is in
   * a FIFO without a reader, or when the time for a slow reader is up. Output of processes that it left behind is still
   * copied.
   */
  drain(): Promise<void>;
  /** After `drain`: settles when all writers are gone and all was passed on, without a reader, or after `timeoutMs`. */
  ended(timeoutMs: number): Promise<void>;
  /**
   * Closes everything now. After `drain`, what other processes still write is read and dropped, so that none of them
   * gets SIGPIPE or SIGHUP. Idempotent.
   */
  close(): void;
}
