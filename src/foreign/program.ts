/** The program of another shim, called as containerd calls it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import * as v from 'valibot';
import { TermshimError } from '../os/errors.js';
import { errnoOf, wordsOf } from '../os/file-error.js';
import { TaskDefinition } from '../ttrpc/gen/containerd/task.js';
import { shimsDirectory } from './place.js';

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
 * program's words. `signal` leaves it a second to finish: one that is killed half-way leaves what nobody can find again.
 */
export async function startShim(call: ProgramCall): Promise<{ socket: string; service: string }> {
  const { shim } = call;
  const { address, version, protocol } = parseAnswer(await run(call, 'start'), shim);
  if (!address.startsWith('unix:///') || protocol !== 'ttrpc') {
    throw failed(`${shim} is at ${JSON.stringify(address)} by ${protocol}, and not at a unix socket by ttrpc`);
  }
  const { fullName } = TaskDefinition;
  return {
    socket: address.slice('unix://'.length),
    service: version < 3 ? fullName : fullName.replace('.v2.', '.v3.'),
  };
}

/** Ends and removes what is left of a container whose shim is gone. Throws ERR_SHIM_FAILED. */
export async function deleteByShim(call: ProgramCall): Promise<void> {
  await run(call, 'delete');
}

/** containerd's namespace of all our containers. */
const namespace = 'termshim';

/** No containerd is there. The name tells the shims of one user from those of another. */
const containerd = (): string => join(shimsDirectory(), 'containerd.sock');

/** containerd gives `delete` half of it. */
const timeoutMs = 10_000;
const abortGraceMs = 1000;
const maxAnswerBytes = 64 * 1024;

async function run({ shim, id, bundle, events, signal }: ProgramCall, action: 'start' | 'delete'): Promise<string> {
  const where = ['-namespace', namespace, '-id', id, '-address', containerd(), '-publish-binary', '/bin/true'];
  const args = [...where, ...(action === 'delete' ? ['-bundle', bundle] : []), action];
  // Not the socket at which systemd hears from whoever started us: the container would get it.
  const env = { ...process.env, TTRPC_ADDRESS: events, NOTIFY_SOCKET: undefined };
  // Out of reach of a ^C at our terminal, and with a group of its own, to be killed with all that it has started.
  const child = spawn(shim, args, { cwd: bundle, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
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
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const [status, killedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    if (status === 0 && reason === '') return stdout();
    const end = reason || stderr() || (status === null ? `it was killed by ${killedBy}` : `exit status ${status}`);
    throw failed(`${shim} ${action} failed: ${end}`);
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
function collect(child: ChildProcess, name: 'stdout' | 'stderr'): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  child[name]?.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) killGroup(child);
  });
  return () => Buffer.concat(chunks).toString().trim().replaceAll(/\s+/g, ' ').slice(0, maxWords);
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

/** What containerd calls bootstrap parameters, as shims from 2.0 on answer. */
const bootstrapSchema = v.object({
  address: v.string(),
  version: v.optional(v.number(), 2),
  protocol: v.optional(v.string(), 'ttrpc'),
});

function parseAnswer(answer: string, shim: string): v.InferOutput<typeof bootstrapSchema> {
  if (answer.startsWith('unix://')) return { address: answer, version: 2, protocol: 'ttrpc' };
  try {
    return v.parse(bootstrapSchema, JSON.parse(answer));
  } catch {
    const words = answer === '' ? 'nothing' : JSON.stringify(answer.slice(0, 100));
    throw failed(`${shim} is no shim: to start it answered ${words}, and not where it listens`);
  }
}

function failed(message: string): TermshimError {
  return new TermshimError('ERR_SHIM_FAILED', message);
}
