/** A container with a terminal in a shim, and what each step of making it took. */
import { clientOf, connectTtrpc } from '../../src/ttrpc/client.js';
import { TaskDefinition } from '../../src/ttrpc/gen/containerd/task.js';
import type { ContainerdPart } from './containerd-part.js';
import { type Ends, makeEnds } from './ends.js';
import { type ShimExec, runExec } from './exec.js';
import { type Times, stopwatch } from './stopwatch.js';

export interface ShimContainer {
  readonly ends: Ends;
  /** Up to the first bytes of its output. */
  readonly times: Times;
  /** The shim that has it. */
  readonly shimPid: number;
  /** `prepare` has the ends before the shim has. */
  exec(args: readonly string[], prepare?: (ends: Ends) => void): Promise<ShimExec>;
  /** Kills and deletes it. Its shim may end then, and is not waited for. */
  remove(): Promise<void>;
}

/** By the calls of `ctr run -t` and containerd, in their order. Settles when the process has written something. */
export async function runContainer(
  part: ContainerdPart,
  shim: string,
  args: readonly string[],
): Promise<ShimContainer> {
  const { stage } = part;
  const id = stage.newId();
  const bundle = await part.makeBundle(id, args);
  const openEnds = (name: string): Ends => {
    const opened = makeEnds(bundle, name);
    stage.after(() => opened.close());
    return opened;
  };
  const ends = openEnds('init');

  const elapsed = stopwatch();
  const { socket, service } = await part.callStart(shim, id, bundle);
  const isAnnounced = elapsed();
  const connection = await connectTtrpc(socket);
  stage.after(() => connection.close());
  const task = clientOf(TaskDefinition, connection, service);
  await task.create({ id, bundle, terminal: true, stdin: ends.stdin, stdout: ends.stdout });
  const isCreated = elapsed();
  const exited = task.wait({ id });
  exited.catch(() => {});
  const prompted = ends.output.hasBytes(1).then(elapsed);
  await task.start({ id });
  const isStarted = elapsed();
  const times = {
    '`start` answered': isAnnounced,
    'Create answered': isCreated,
    'Start answered': isStarted,
    prompt: await prompted,
  };

  const { shimPid } = await task.connect({ id });
  let execs = 0;
  return {
    ends,
    times,
    shimPid,
    exec(execArgs, prepare) {
      const execId = `exec-${++execs}`;
      const execEnds = openEnds(execId);
      prepare?.(execEnds);
      return runExec({ task, id, execId, ends: execEnds, args: execArgs });
    },
    async remove() {
      await task.kill({ id, signal: 9 });
      await exited;
      await task.delete({ id });
      await task.shutdown({ id }).catch(() => {});
      connection.close();
      ends.close();
    },
  };
}
