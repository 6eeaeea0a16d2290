/** A console copy with both its sides: a process on the tty, and a client at both FIFOs. */
import { constants } from 'node:fs';
import { join } from 'node:path';
import { Console } from '../../../src/os/console.js';
import { FifoReader, FifoWriter, createFifo } from '../../../src/os/fifo.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import type { ConsoleCopy, ConsoleCopyOptions } from '../../../src/stdio/copy/copy-api.js';
import { copyConsole } from '../../../src/stdio/copy/copy-console.js';
import { type NoReader, fifoSink } from '../../../src/stdio/copy/sink.js';
import type { Scope } from '../base/leak-free.js';
import { type Reader, readFrom } from './reader.js';
import { temporaryDirectory } from '../base/temporary-directory.js';
import type { GroupLeader } from './process-group.js';
import { startOnTty } from './tty-process.js';
import { within } from '../base/wait-for.js';
import { writeAll } from './write-all.js';

export interface SessionOptions
  extends Partial<Pick<ConsoleCopyOptions, 'stdinEnd' | 'endsOnHangup' | 'drainTimeoutMs'>> {
  noReader?: NoReader;
  /** Whether processEnded of the copy is called when the process has ended; true by default. */
  tellsEnd?: boolean;
  /** Whether the copy gets a stdin; true by default. */
  hasStdin?: boolean;
  /** Whether a client has opened stdin; true by default. */
  hasKeyboard?: boolean;
}

export interface Session {
  readonly console: Console;
  readonly copy: ConsoleCopy;
  /** What the client saw. */
  readonly screen: Reader;
  /** For files of the scripts. */
  readonly directory: string;
  readonly stdinPath: string;
  readonly stdoutPath: string;
  /** Starts a script on the tty. */
  run(script: string, ...args: string[]): GroupLeader;
  /** By the client that is there from the beginning. */
  type(data: Uint8Array | string): Promise<void>;
  /** It closes its end of stdin. */
  leaveKeyboard(): void;
  /** The client stops reading for good: its end of stdout is closed. */
  leaveScreen(): void;
  /** A client comes back to stdout. */
  returnToScreen(): Reader;
}

/** The session is ended after the test, and must end in time. */
export async function startSession(scope: Scope, options: SessionOptions = {}): Promise<Session> {
  const { stdinEnd = 'ignore', noReader = 'block', endsOnHangup = false, drainTimeoutMs = 2000 } = options;
  const { tellsEnd = true, hasStdin = true, hasKeyboard = true } = options;
  const directory = temporaryDirectory(scope);
  const [stdinPath, stdoutPath] = [join(directory, 'in'), join(directory, 'out')];
  createFifo(stdinPath);
  createFifo(stdoutPath);
  let screenEnd = openScreen(stdoutPath);
  let screen = readFrom(screenEnd.fd);
  const stdin = FifoReader.open(stdinPath);
  const keyboard = hasKeyboard
    ? OwnedFd.open(stdinPath, constants.O_WRONLY | constants.O_NONBLOCK, 'the keyboard of a test')
    : undefined;
  const stdout = await FifoWriter.open(stdoutPath, { timeoutMs: 1000 });
  const console = Console.open();
  if (!hasStdin) stdin.close();
  const copy = copyConsole({
    console,
    stdin: hasStdin ? stdin : undefined,
    stdout: fifoSink(stdout, noReader),
    stdinEnd,
    endsOnHangup,
    drainTimeoutMs,
  });
  const leaveScreen = (): void => {
    screen.close();
    screenEnd.close();
  };
  scope.after(async () => {
    keyboard?.close();
    if (screenEnd.isOpen) screen.resume();
    copy.shutdown();
    await within(
      copy.done.catch(() => {}),
      'the end of the copy',
      drainTimeoutMs + 5000,
    );
    leaveScreen();
  });
  return {
    console,
    copy,
    leaveKeyboard: () => keyboard?.close(),
    get screen() {
      return screen;
    },
    directory,
    stdinPath,
    stdoutPath,
    run(script, ...args) {
      const leader = startOnTty(scope, console.name, script, ...args);
      if (tellsEnd) void leader.exited.then(() => copy.processEnded());
      return leader;
    },
    type: (data) => writeAll((keyboard as OwnedFd).fd, data),
    leaveScreen,
    returnToScreen() {
      screenEnd = openScreen(stdoutPath);
      screen = readFrom(screenEnd.fd);
      return screen;
    },
  };
}

function openScreen(path: string): OwnedFd {
  return OwnedFd.open(path, constants.O_RDONLY | constants.O_NONBLOCK, 'the screen of a test');
}
