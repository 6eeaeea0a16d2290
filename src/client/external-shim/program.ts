/** The program of another shim, called as containerd calls it. */
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
  /** The socket where it tells of events. */
  events: string;
  signal?: AbortSignal | undefined;
}

/**
 * Where the shim of a new container listens, and the full name of its Task service. Throws ERR_SHIM_FAILED with the
 * program's words; then its `delete` was called, and what it has started was ended, so that nothing of it stays. `signal`
 * leaves it a second to finish: one that is killed half-way leaves what nobody can find again.
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

/** Where it listens, and the name of its Task service, by what it has answered to `start`. Throws ERR_SHIM_FAILED. */
export function placeOf(bytes: Buffer, shim: string): { socket: string; service: string } {
  const answer = parseAnswer(bytes);
  if (answer === undefined) {
    const words = bytes.length === 0 ? 'nothing' : JSON.stringify(wordsIn(bytes).slice(0, 100));
    throw failed(`${shim} is no shim: to start it answered ${words}, and not where it listens`);
  }
  const { address, protocol } = answer;
  if (!address.startsWith('unix:///') || protocol.toLowerCase() !== 'ttrpc') {
    throw failed(`${shim} is at ${JSON.stringify(address)} by ${protocol}, and not at a unix socket by ttrpc`);
  }
  return { socket: address.slice('unix://'.length), service: serviceOf(answer, shim) };
}

/**
 * Shims of containerd before 2.0 fail if they find in stdin what they do not know, and those from 2.4 on if they do not find
 * the bootstrap parameters there: so these come second.
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
  throw failed(`${shim} has version ${version} of the Task service, and not 2 or 3`);
}

/** containerd's namespace of all our containers. */
const namespace = 'termshim';

/** No containerd is there. The name tells the shims of one user from those of another. */
const containerd = (): string => join(shimsDirectory(), 'containerd.sock');

/** What is to publish its events, as a command. Whoever has TTRPC_ADDRESS needs none. */
const publisher = '/bin/true';

/** containerd gives `delete` half of it. */
const defaultTimeoutMs = 10_000;
const cleanUpMs = 5000;
const abortGraceMs = 1000;
const maxAnswerBytes = 64 * 1024;

/** It has ended by itself, and has not done what it was asked for. */
class ExitError extends TermshimError {}

interface RunOptions {
  /** Of its stdin, which else is empty. */
  input?: Uint8Array;
  timeoutMs?: number;
  /** Told the pid, which is that of its session too. */
  onSpawn?: (pid: number) => void;
}

/** What it said on stdout. */
async function run(
  { shim, id, bundle, events, signal }: ProgramCall,
  action: 'start' | 'delete',
  { input, timeoutMs = defaultTimeoutMs, onSpawn }: RunOptions = {},
): Promise<Buffer> {
  const where = ['-namespace', namespace, '-id', id, '-address', containerd(), '-publish-binary', publisher];
  const args = [...where, ...(action === 'delete' ? ['-bundle', bundle] : []), action];
  // Not the socket at which systemd hears from whoever started us: the container would get it.
  const env = { ...process.env, TTRPC_ADDRESS: events, NOTIFY_SOCKET: undefined };
  // Out of reach of a ^C at our terminal, and with a group of its own, to be killed with all that it has started.
  const stdin = input === undefined ? 'ignore' : 'pipe';
  const child = spawn(shim, args, { cwd: bundle, env, stdio: [stdin, 'pipe', 'pipe'], detached: true });
  if (child.pid !== undefined) onSpawn?.(child.pid);
  // One that does not read it says so by its answer.
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
    grace = setTimeout(() => giveUp('the wait for it was given up'), abortGraceMs);
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

/** What it says there, when it has ended. One that does not stop talking is no shim. */
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

/** In one line. */
function wordsIn(bytes: Buffer): string {
  return bytes.toString().trim().replaceAll(/\s+/g, ' ').slice(0, maxWords);
}

/** Characters of it that stand in a message. */
const maxWords = 500;

/** What it has started may hold its outputs open, and be out of our reach: nobody waits for that. */
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
