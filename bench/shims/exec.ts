/** One more process in a container of a shim, with a terminal of its own. */
import type { Client } from '../../src/ttrpc/client.js';
import type { TaskDefinition } from '../../src/ttrpc/gen/containerd/task.js';
import type { Ends } from './ends.js';
import { type Times, stopwatch } from './stopwatch.js';

export interface ExecOptions {
  task: Client<typeof TaskDefinition>;
  id: string;
  execId: string;
  ends: Ends;
  args: readonly string[];
}

export interface ShimExec {
  readonly ends: Ends;
  /** Up to the first bytes of its output. */
  times(): Promise<Times>;
  /** Kills and deletes it, and closes the ends. */
  remove(): Promise<void>;
}

/** By the calls of `ctr tasks exec -t` and containerd, in their order. Settles when the process runs. */
export async function runExec({ task, id, execId, ends, args }: ExecOptions): Promise<ShimExec> {
  const elapsed = stopwatch();
  await task.exec({ id, execId, terminal: true, stdin: ends.stdin, stdout: ends.stdout, spec: specOf(args) });
  const isAdded = elapsed();
  const exited = task.wait({ id, execId });
  exited.catch(() => {});
  const seen = ends.output.hasBytes(1).then(elapsed);
  seen.catch(() => {});
  await task.start({ id, execId });
  const isStarted = elapsed();
  return {
    ends,
    times: async () => ({ 'Exec answered': isAdded, 'Start answered': isStarted, prompt: await seen }),
    async remove() {
      await task.kill({ id, execId, signal: 9 });
      await exited;
      await task.delete({ id, execId });
      ends.close();
    },
  };
}

function specOf(args: readonly string[]) {
  const env = ['PATH=/bin', 'TERM=xterm'];
  const process = { args, cwd: '/', env, terminal: true, user: { uid: 0, gid: 0 } };
  const typeUrl = 'types.containerd.io/opencontainers/runtime-spec/1/Process';
  return { typeUrl, value: Buffer.from(JSON.stringify(process)) };
}
