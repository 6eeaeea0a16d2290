/**
 * What a library user may import, room by room; docs/architecture.md is the map. Everything else is private.
 */

// os: kernel things as owned objects
export { Console, type Size } from './os/console.js';
export { ConsoleSocket, type ReceiveOptions } from './os/console-socket.js';
export { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, type Watch, watch } from './os/epoll.js';
export { type ErrorCode, errorCodes, TermshimError } from './errors/errors.js';
export { createFifo, FifoReader, FifoWriter, type OpenWriterOptions } from './os/fifo.js';
export { type ExitStatus, type ProcessWatch, watchProcess } from './os/process/process-watch.js';
export { becomeSubreaper, claimProcess } from './os/process/subreaper.js';

// stdio: where a process's bytes go
export type { StdinEnd } from './stdio/copy/console-input.js';
export {
  type ConsoleCopy,
  type ConsoleCopyOptions,
  type CopyEnd,
  type CopyResult,
  copyConsole,
} from './stdio/copy/copy-console.js';
export { copyPipes, type PipeCopy, type PipeCopyOptions, type PipeCopyResult } from './stdio/copy/copy-pipes.js';
export { copyStream, type CopyStreamOptions, type StreamCopy } from './stdio/copy/copy-stream.js';
export type {
  DriverTarget,
  FifoTarget,
  FileTarget,
  LogFileTarget,
  OutputTarget,
  LogTarget,
} from './stdio/log-target/output-target.js';
export { type FifoPolicy, fifoSink, type NoReader, plainSink, type Sink } from './stdio/copy/sink.js';

// runtime: OCI runtimes as commands
export { assertTerminal, type Bundle, readBundle } from './runtime/spec/bundle.js';
export { defaultSpec, type DefaultSpecOptions, writeBundle } from './runtime/spec/default-spec.js';
export { findRuntime, type FindRuntimeOptions, type RuntimeProgram } from './runtime/find-runtime.js';
export {
  type CreateOptions,
  type ExecOptions,
  type OciRuntime,
  type OciRuntimeOptions,
  ociRuntime,
} from './runtime/oci-runtime.js';

// task: a container's life
export { type Container, createContainer } from './task/container.js';
export type { ContainerOptions } from './task/container-options.js';
export type { TaskEvent } from './task/event.js';
export type { Exit } from './task/launch.js';
export type { InheritedStdio, PipeStdio, ProcessStdio, TerminalStdio } from './task/io/process-io.js';
export type { Process } from './task/process.js';
export type { ProcessState } from './task/state.js';

// attach: the human's face
export { attach, type Attachment, type AttachOptions } from './terminal/attach.js';
