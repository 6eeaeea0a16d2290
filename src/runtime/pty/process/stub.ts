/** A stub: a process that waits to be started; see stub-command.ts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { addon } from '../../../native/addon.js';
import { check } from '../../../errors/errors.js';
import { OwnedFd } from '../../../os/owned-fd.js';
import { errnoOf, fileError, wordsOf } from '../../../errors/file-error.js';
import type { OciProcess } from '../../spec/oci-spec.js';
import { failure } from '../container.js';
import { forkPty } from './fork-pty.js';
import { identify, type ProcessIdentity, signalProcess } from '../../../os/process/process-table.js';
import { type StubCommand, stubCommand } from './stub-command.js';
import { dropGroups, type User, userOf } from './user.js';

/** What is checked and decided before anything is created. */
export interface StubPlan {
  process: OciProcess;
  command: StubCommand;
  user: User | undefined;
  fifo: string;
}

export interface Stub {
  identity: ProcessIdentity;
  /** The pty master, owned by the caller; undefined without a terminal. */
  console: OwnedFd | undefined;
  /** The exit status, or 128 and the signal, once the process has ended. */
  ended: Promise<number>;
}

/**
 * Checks that the process can be run here. Throws errors with runc's messages.
 *
 * @param fifo the name of the FIFO in the container's directory
 */
export function planStub(process: OciProcess, consoleSocket: string | undefined, fifo: string): StubPlan {
  const isTerminal = process.terminal ?? false;
  if (isTerminal && consoleSocket === undefined) throw failure('cannot allocate tty without setting console socket');
  if (!isTerminal && consoleSocket !== undefined) {
    throw failure('cannot use console socket if the runtime will not allocate tty');
  }
  checkWorkingDirectory(process.cwd);
  return { process, command: stubCommand(process, fifo), user: userOf(process), fifo };
}

/** Makes the FIFO in `directory` and forks the stub that waits on it. */
export async function forkStub(plan: StubPlan, directory: string): Promise<Stub> {
  const path = join(directory, plan.fifo);
  check(addon.fifo_create(path, 0o600), 'mkfifo', `make the FIFO ${path}`);
  if (plan.user !== undefined && plan.user.uid !== 0) {
    chownSync(path, plan.user.uid, plan.user.gid);
    chmodSync(directory, 0o711);
  }
  dropGroups(plan.user);
  return plan.process.terminal === true ? forkInTerminal(plan, directory) : forkPlain(plan, directory);
}

/** Kills the stub and waits until it is gone. */
export async function destroyStub(stub: Stub): Promise<void> {
  stub.console?.close();
  signalProcess(stub.identity, constants.signals.SIGKILL);
  await stub.ended;
}

function checkWorkingDirectory(cwd: string): void {
  const refuse = (errno: string): never => {
    throw failure(`chdir to cwd (${JSON.stringify(cwd)}) set in config.json failed: ${wordsOf(errno)}`);
  };
  try {
    if (!statSync(cwd).isDirectory()) refuse('ENOTDIR');
  } catch (error) {
    refuse(errnoOf(error) ?? 'ENOTDIR');
  }
}

async function forkInTerminal({ command, process, user }: StubPlan, cwd: string): Promise<Stub> {
  const { width = 0, height = 0 } = process.consoleSize ?? {};
  // As in runc, a size needs both numbers; without one the terminal is 0x0 until a size is set.
  const [columns, rows] = width > 0 && height > 0 ? [width, height] : [0, 0];
  let resolveEnded: (status: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => (resolveEnded = resolve));
  const onExit = (status: number, signal: number): void => resolveEnded(signal === 0 ? status : 128 + signal);
  const { pid, fd } = await forkPty(command, { cwd, columns, rows, user, onExit });
  const stub = { identity: identify(pid), console: new OwnedFd(addon.fd_adopt(fd), 'the console'), ended };
  if (user !== undefined) await giveTerminal(stub, `/dev/pts/${addon.tty_pts_number(fd)}`, user);
  return stub;
}

/** A process that is not root must be able to open its terminal by name. */
async function giveTerminal(stub: Stub, path: string, user: User): Promise<void> {
  try {
    chownSync(path, user.uid, -1);
  } catch (error) {
    await destroyStub(stub);
    throw fileError(error, `change the owner of ${path} to ${user.uid}`);
  }
}

/** The stub has this program's stdin, stdout and stderr, and a session of its own. */
async function forkPlain({ command, user }: StubPlan, cwd: string): Promise<Stub> {
  const env = Object.fromEntries(command.env.map((entry) => splitEntry(entry)));
  let child: ChildProcess;
  try {
    child = spawn(command.file, command.args, { cwd, env, detached: true, stdio: 'inherit', ...user });
    await once(child, 'spawn');
  } catch (error) {
    throw fileError(error, `run ${command.file}`);
  }
  const ended = once(child, 'exit').then(([status, signal]) => statusOfExit(status, signal));
  return { identity: identify(child.pid ?? 0), console: undefined, ended };
}

function splitEntry(entry: string): [string, string] {
  const end = entry.indexOf('=');
  return [entry.slice(0, end), entry.slice(end + 1)];
}

function statusOfExit(status: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (status ?? 0) : 128 + constants.signals[signal];
}
