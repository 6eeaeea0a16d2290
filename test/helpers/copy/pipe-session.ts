/** A copy of pipes with both its sides: a process without a terminal, and a client at three FIFOs. */
import { type SpawnOptions, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { FifoReader, FifoWriter, createFifo } from '../../../src/os/fifo.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { type PipeCopy, type PipeCopyOptions, copyPipes } from '../../../src/stdio/copy/copy-pipes.js';
import { type NoReader, type Sink, fifoSink } from '../../../src/stdio/copy/sink.js';
import type { Scope } from '../base/leak-free.js';
import { type GroupLeader, adoptGroup } from './process-group.js';
import { type Reader, readFrom } from './reader.js';
import { temporaryDirectory } from '../base/temporary-directory.js';
import { within } from '../base/wait-for.js';
import { writeAll } from './write-all.js';

export interface PipeSessionOptions extends Partial<Pick<PipeCopyOptions, 'owner' | 'drainTimeoutMs'>> {
  noReader?: NoReader;
  /** Whether processEnded of the copy is called when the process has ended; true by default. */
  tellsEnd?: boolean;
  /** Whether the copy gets a stdin; true by default. */
  hasStdin?: boolean;
  /** Takes the place of the FIFO for stdout. */
  stdout?: Sink;
}

/** A client's end of an output. */
export interface Screen extends Reader {
  /** It stops reading for good. */
  leave(): void;
  /** Opens the FIFO for reading again, with an empty screen. */
  return(): Screen;
}

export interface PipeSession {
  readonly copy: PipeCopy;
  readonly stdout: Screen;
  readonly stderr: Screen;
  /** As the copy has it, for the holder. */
  readonly stdin: FifoReader;
  /** For files of the scripts. */
  readonly directory: string;
  readonly stdinPath: string;
  /** Starts a script with the ends that are for the process. */
  run(script: string, ...args: string[]): GroupLeader;
  runAs(options: SpawnOptions, script: string, ...args: string[]): GroupLeader;
  /** By the client that is there from the beginning. */
  type(data: Uint8Array | string): Promise<void>;
  /** It closes its end of stdin. */
  leaveKeyboard(): void;
}

/** The session is ended after the test, and must end in time. */
export async function startPipes(scope: Scope, options: PipeSessionOptions = {}): Promise<PipeSession> {
  const { noReader = 'block', drainTimeoutMs = 2000, tellsEnd = true, hasStdin = true, owner } = options;
  const directory = temporaryDirectory(scope);
  const [stdinPath, stdoutPath, stderrPath] = [join(directory, 'in'), join(directory, 'out'), join(directory, 'err')];
  for (const path of [stdinPath, stdoutPath, stderrPath]) createFifo(path);
  const stdin = FifoReader.open(stdinPath);
  stdin.hold();
  const keyboard = OwnedFd.open(stdinPath, constants.O_WRONLY | constants.O_NONBLOCK, 'the keyboard of a test');
  const [stdout, stderr] = [openScreen(scope, stdoutPath), openScreen(scope, stderrPath)];
  const open = async (path: string): Promise<Sink> =>
    fifoSink(await FifoWriter.open(path, { timeoutMs: 1000 }), noReader);
  const sinks = { stdout: options.stdout ?? (await open(stdoutPath)), stderr: await open(stderrPath) };
  if (!hasStdin) stdin.close();
  const copy = copyPipes({ stdin: hasStdin ? stdin : undefined, ...sinks, owner, drainTimeoutMs });
  scope.after(async () => {
    keyboard.close();
    copy.close();
    const ended = copy.done.catch(() => {});
    await within(ended, 'the end of the copy', 1000);
  });
  const runAs: PipeSession['runAs'] = (spawnOptions, script, ...args) => {
    const process = startProcess(scope, copy, spawnOptions, script, args);
    if (tellsEnd) void process.exited.then(() => copy.processEnded());
    return process;
  };
  return {
    copy,
    stdout,
    stderr,
    stdin,
    directory,
    stdinPath,
    runAs,
    run: (script, ...args) => runAs({}, script, ...args),
    type: (data) => writeAll(keyboard.fd, data),
    leaveKeyboard: () => keyboard.close(),
  };
}

function openScreen(scope: Scope, path: string): Screen {
  const end = OwnedFd.open(path, constants.O_RDONLY | constants.O_NONBLOCK, 'the screen of a test');
  const reader = readFrom(end.fd);
  const leave = (): void => {
    reader.close();
    end.close();
  };
  scope.after(leave);
  const added = { leave, return: () => openScreen(scope, path) };
  return Object.defineProperties(added, Object.getOwnPropertyDescriptors(reader)) as Screen;
}

/** It and whatever is left of its process group are killed after the test. */
function startProcess(
  scope: Scope,
  copy: PipeCopy,
  options: SpawnOptions,
  script: string,
  args: readonly string[],
): GroupLeader {
  const child = spawn('sh', ['-c', script, 'sh', ...args], { ...options, detached: true, stdio: [...copy.childEnds] });
  copy.started();
  return adoptGroup(scope, child);
}
