/**
 * What a library user may import, room by room; docs/architecture.md is the map. Everything else is private.
 */

// errors
export { type ErrorCode, errorCodes, TermshimError, type TermshimErrorOptions } from './errors/errors.js';

// os: kernel things as owned objects
export { Console, type Size } from './os/console.js';
export { ConsoleSocket, type ReceiveOptions } from './os/console-socket.js';
export { createFifo, type FifoEnd, FifoReader, FifoWriter, type OpenWriterOptions } from './os/fifo.js';
export type { PipeOwner } from './os/pipe.js';
export { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, type Watch, watch } from './os/epoll.js';
export { type ExitStatus, type ProcessWatch, watchProcess } from './os/process/process-watch.js';
export { becomeSubreaper, claimProcess } from './os/process/subreaper.js';

// stdio: where a process's bytes go
export type { ConsoleCopy, ConsoleCopyOptions, CopyEnd, CopyResult } from './stdio/copy/copy-api.js';
export { copyConsole } from './stdio/copy/copy-console.js';
export type { StdinEnd } from './stdio/copy/console-input.js';
export type { ClientInputOptions } from './stdio/copy/client-input.js';
export {
  type ChildEnd,
  copyPipes,
  type PipeCopy,
  type PipeCopyOptions,
  type PipeCopyResult,
} from './stdio/copy/copy-pipes.js';
export { copyStream, type CopyStreamOptions, type StreamCopy } from './stdio/copy/copy-stream.js';
export { type FifoPolicy, fifoSink, type NoReader, plainSink, type Sink } from './stdio/copy/sink.js';
export type { Broadcast } from './stdio/broadcast/broadcast.js';
export type { FollowOptions, Subscriber, FirstBytes, SlowReaderLimits } from './stdio/broadcast/subscriber.js';
export type { OutputReader } from './stdio/broadcast/ring.js';
export type {
  DriverTarget,
  FifoTarget,
  FileTarget,
  LogFileTarget,
  OnDeath,
  OutputTarget,
  LogTarget,
} from './stdio/log-target/output-target.js';
export type { OutputStream } from './stdio/log-target/log-target.js';
export type { LogOptions } from './log/options.js';
export type { LogFormat } from './native/addon.js';

// runtime: OCI runtimes as commands
export { findRuntime, type FindRuntimeOptions, type RuntimeProgram } from './runtime/find-runtime.js';
export {
  type CreateOptions,
  type ExecOptions,
  type OciRuntime,
  type OciRuntimeOptions,
  ociRuntime,
  type RestoreOptions,
} from './runtime/oci-runtime.js';
export type {
  CheckpointOptions,
  CreateArguments,
  ExecArguments,
  GlobalOptions,
  RestoreArguments,
} from './runtime/runtime-arguments.js';
export type { RuntimeStdio, RuntimeStream, WorkingDirectory } from './runtime/runtime-call.js';
export type { OciState, OciStatus } from './runtime/oci-state.js';
export { assertTerminal, type Bundle, readBundle } from './runtime/spec/bundle.js';
export { defaultSpec, type DefaultSpecOptions, writeBundle } from './runtime/spec/default-spec.js';
export type { OciLinux, OciProcess, OciSpec, OciUser } from './runtime/spec/oci-spec.js';

// task: a container's life
export type { Container, Process } from './task/api.js';
export { createContainer } from './task/create-container.js';
export type { ContainerOptions, OthersAtExit, RestoreFrom } from './task/container-options.js';
export type { TaskEvent } from './task/event.js';
export type { Exit } from './task/launch.js';
export type {
  CommonStdio,
  InheritedStdio,
  PipeStdio,
  ProcessStdio,
  TerminalSession,
  TerminalStdio,
} from './task/io/process-io.js';
export type { ProcessState } from './task/state.js';

// terminal: the terminal that a human sits at
export { attach, type Attachment, type AttachmentEnd, type AttachOptions } from './terminal/attach.js';
export type { HostInput } from './terminal/host-input.js';
