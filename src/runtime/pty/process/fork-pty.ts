/**
 * Forks a program under a new pty with the native half of node-pty.
 *
 * Its public `spawn` cannot be used: the constructor itself listens for `data`, so libuv reads the pty master from the
 * next turn of the event loop on and takes bytes that belong to the receiver of the console. It also overrides PWD and
 * TERM and makes a size of 0x0 into 80x24. The native half does none of this, but is not part of node-pty's stable
 * interface; hence the pinned version, and the check here.
 */
import { TermshimError } from '../../../errors/errors.js';
import type { StubCommand } from './stub-command.js';
import type { User } from './user.js';

export interface ForkedPty {
  pid: number;
  /** The master: owned by the caller, non-blocking, and without CLOEXEC. */
  fd: number;
}

export interface ForkPtyOptions {
  cwd: string;
  columns: number;
  rows: number;
  user: User | undefined;
  /** Called once; `signal` is 0 if the process exited by itself. */
  onExit: (status: number, signal: number) => void;
}

interface NativePty {
  fork(
    file: string,
    args: string[],
    env: string[],
    cwd: string,
    columns: number,
    rows: number,
    uid: number,
    gid: number,
    isUtf8: boolean,
    /** A program that is needed on macOS only. */
    helperPath: string,
    onExit: (status: number, signal: number) => void,
  ): ForkedPty;
}

export async function forkPty(command: StubCommand, options: ForkPtyOptions): Promise<ForkedPty> {
  const { native } = (await import('node-pty')) as { native?: Partial<NativePty> };
  if (typeof native?.fork !== 'function') {
    throw new TermshimError('ERR_SYSTEM', 'cannot fork a pty: this version of node-pty has no native.fork');
  }
  const { uid, gid } = options.user ?? { uid: -1, gid: -1 };
  const { file, args, env } = command;
  try {
    // Like runc, the terminal starts without IUTF8.
    return native.fork(
      file,
      args,
      env,
      options.cwd,
      options.columns,
      options.rows,
      uid,
      gid,
      false,
      '',
      options.onExit,
    );
  } catch (error) {
    throw new TermshimError('ERR_SYSTEM', `cannot fork a pty: ${String(error)}`, { syscall: 'forkpty', cause: error });
  }
}
