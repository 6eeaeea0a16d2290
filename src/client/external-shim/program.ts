/** Calls the program of an external shim as containerd does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import { errnoOf, wordsOf } from '../../errors/file-error.js';
import { BootstrapParams } from '../../ttrpc/gen/containerd/bootstrap.js';
import { TaskDefinition } from '../../ttrpc/gen/containerd/task.js';
import { message } from '../../ttrpc/message.js';
import { type ShimAnswer, parseAnswer } from './bootstrap-answer.js';
import { endSession } from './kill-session.js';
import { shimsDirectory } from './container-directory.js';

export interface ProgramCall {
  shim: string;
  id: string;
  bundle: string;
  /** The socket to which the shim sends events. */
  events: string;
  signal?: AbortSignal | undefined;
}

/**
 * Starts the shim of a new container. Returns the path of its socket and the full name of its Task service. Throws
 * ERR_SHIM_FAILED with the program's message. Then its `delete` was called and its processes were ended, so nothing is
 * left. After `signal` the program has a second to finish, because a program that is killed half-way leaves things that
 * cannot be found again.
 */
export async function startShim(call: ProgramCall): Promise<{ socket: string; service: string }> {
  const sessions: number[] = [];
  try {
    return placeOf(await startProgram(call, (pid) => sessions.push(pid)), call.shim);
  } catch (error) {
    if (sessions.length > 0) await run(call, 'delete', { timeoutMs: cleanUpMs }).catch(() => {});
    for (const session of sessions) await endSession(session);
    throw error;
  }
}

/** Ends and removes what is left of a container whose shim is gone. Throws ERR_SHIM_FAILED. */
export async function deleteByShim(call: ProgramCall): Promise<void> {
  await run(call, 'delete');
}

/** The path of the socket and the full name of the Task service, by the answer to `start`. Throws ERR_SHIM_FAILED. */
export function placeOf(bytes: Buffer, shim: string): { socket: string; service: string } {
  const answer = parseAnswer(bytes);
  if (answer === undefined) {
    const words = bytes.length === 0 ? 'nothing' : JSON.stringify(wordsIn(bytes).slice(0, 100));
    throw failed(`${shim} is not a runtime v2 shim: its answer to start has no address: ${words}`);
  }
  const { address, protocol } = answer;
  if (!address.startsWith('unix:///') || protocol.toLowerCase() !== 'ttrpc') {
    throw failed(`the shim ${shim} does not use ttrpc on a unix socket, but ${protocol} at ${JSON.stringify(address)}`);
  }
  return { socket: address.slice('unix://'.length), service: serviceOf(answer, shim) };
}

/**
 * Calls `start` without bootstrap parameters, and if that fails, with them. Shims of containerd before 2.0 fail if
 * stdin contains something that they do not know. Those from 2.4 on fail if stdin does not contain bootstrap
 * parameters.
 */
async function startProgram(call: ProgramCall, onSpawn: (pid: number) => void): Promise<Buffer> {
  try {
    return await run(call, 'start', { onSpawn });
  } catch (first) {
    if (!(first instanceof ExitError) || call.signal?.aborted === true) throw first;
    return run(call, 'start', { onSpawn, input: parametersOf(call) }).catch((second: unknown) => {
      throw wantsParameters.test(first.message) ? second : first;
    });
  }
}

const wantsParameters = /bootstrap|deprecated API/i;

function parametersOf({ id, events }: ProgramCall): Uint8Array {
  const fields = {
    instanceId: id,
    namespace,
    containerdTtrpcAddress: events,
    containerdGrpcAddress: containerd(),
    containerdBinary: publisher,
  };
  return BootstrapParams.encode(message(BootstrapParams, fields)).finish();
}

function serviceOf({ version }: ShimAnswer, shim: string): string {
  const { fullName } = TaskDefinition;
  if (version === 2) return fullName;
  if (version === 3) return fullName.replace('.v2.', '.v3.');
  throw failed(`the shim ${shim} has version ${version} of the Task service; only 2 and 3 are supported`);
}

/** containerd's namespace for all containers of external shims. */
const namespace = 'termshim';

/** containerd's address, at which nothing listens. It differs for each user, and so keeps apart the users' shims. */
const containerd = (): string => join(shimsDirectory(), 'containerd.sock');

/** The command with which a shim publishes events. A shim that gets TTRPC_ADDRESS does not need it. */
const publisher = '/bin/true';

/** containerd gives `delete` half of this time. */
const defaultTimeoutMs = 10_000;
const cleanUpMs = 5000;
const abortGraceMs = 1000;
const maxAnswerBytes = 64 * 1024;

/** The program exited by itself with a failure. */
class ExitError extends TermshimError {}

interface RunOptions {
  /** The content of stdin; empty by default. */
  input?: Uint8Array;
  timeoutMs?: number;
  /** Called with the pid, which is also the id of the program's session. */
  onSpawn?: (pid: number) => void;
}

/** Runs the program, and returns its stdout. */
async function run(
  { shim, id, bundle, events, signal }: ProgramCall,
  action: 'start' | 'delete',
  { input, timeoutMs = defaultTimeoutMs, onSpawn }: RunOptions = {},
): Promise<Buffer> {
  const where = ['-namespace', namespace, '-id', id, '-address', containerd(), '-publish-binary', publisher];
  const args = [...where, ...(action === 'delete' ? ['-bundle', bundle] : []), action];
  // NOTIFY_SOCKET is the socket of systemd for the service that runs this command: the container would get it.
  const env = { ...process.env, TTRPC_ADDRESS: events, NOTIFY_SOCKET: undefined };
  // Detached, so that a ^C at this terminal does not reach the program, and its whole process group can be killed.
  const stdin = input === undefined ? 'ignore' : 'pipe';
  const child = spawn(shim, args, { cwd: bundle, env, stdio: [stdin, 'pipe', 'pipe'], detached: true });
  if (child.pid !== undefined) onSpawn?.(child.pid);
  // If the program does not read stdin, its answer shows it.
  child.stdin?.on('error', () => {}).end(input);
  const [stdout, stderr] = [collect(child, 'stdout'), collect(child, 'stderr')];
  let reason = '';
  const giveUp = (why: string): void => {
    reason = why;
    killGroup(child);
  };
  const timer = setTimeout(() => giveUp(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
  let grace: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    grace = setTimeout(() => giveUp('it was cancelled'), abortGraceMs);
  };
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const [status, killedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    if (status === 0 && reason === '') return stdout();
    const end =
      reason || wordsIn(stderr()) || (status === null ? `it was killed by ${killedBy}` : `exit status ${status}`);
    const ErrorType = status === null ? TermshimError : ExitError;
    throw new ErrorType('ERR_SHIM_FAILED', `${shim} ${action} failed: ${end}`);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new TermshimError('ERR_SHIM_FAILED', `cannot run the shim ${shim}: ${wordsOf(errno)}`, { errno });
  } finally {
    clearTimeout(timer);
    clearTimeout(grace);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Collects an output. Kills a program that writes more than `maxAnswerBytes`: it is not a shim. */
function collect(child: ChildProcess, name: 'stdout' | 'stderr'): () => Buffer {
  const chunks: Buffer[] = [];
  let bytes = 0;
  child[name]?.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) killGroup(child);
  });
  return () => Buffer.concat(chunks);
}

/** The text as one line. */
function wordsIn(bytes: Buffer): string {
  return bytes.toString().trim().replaceAll(/\s+/g, ' ').slice(0, maxWords);
}

/** How many characters of an output a message contains at most. */
const maxWords = 500;

/**
 * Also closes the outputs: a process that the program started may hold them open, and be in another process group. This
 * command does not wait for it.
 */
function killGroup({ pid, stdout, stderr }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // All of them have ended.
  }
  stdout?.destroy();
  stderr?.destroy();
}

function failed(words: string): TermshimError {
  return new TermshimError('ERR_SHIM_FAILED', words);
}
