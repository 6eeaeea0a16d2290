/** termshim's own service beside the Task service: the requests of `start` and `delete` to a running daemon. */
import { type ForgetResponse, ShimDefinition } from '../ttrpc/gen/termshim/shim.js';
import { type Service, service } from '../ttrpc/service.js';
import type { Task } from './task.js';
import type { Tasks } from './tasks.js';
import { timestampOf } from '../ttrpc/message.js';

export function shimService(tasks: Tasks): Service {
  return service(ShimDefinition, {
    reserve({ id, whileConnected }, { connection }) {
      const unreserve = tasks.reserve(id);
      if (whileConnected) connection.addEventListener('abort', unreserve, { once: true });
      return {};
    },
    async forget({ id }) {
      await tasks.giveUp(id);
      const task = tasks.find(id);
      const answer = task === undefined ? unknown : await destroy(tasks, task);
      // containerd runs `delete` instead of calling Delete and Shutdown. The answer is sent first.
      setImmediate(() => tasks.shutdown());
      return answer;
    },
  });
}

const unknown: ForgetResponse = { known: false, pid: 0, exitStatus: 0, exitedAt: undefined };

/** 128 + SIGKILL, as if the shim had been killed: containerd has given the container up. */
const killed = 137;

async function destroy(tasks: Tasks, task: Task): Promise<ForgetResponse> {
  const { init } = task.container;
  await task.container.destroy();
  await tasks.remove(task);
  const { status, at } = init.exit ?? { status: killed, at: new Date() };
  return { known: true, pid: init.pid, exitStatus: status, exitedAt: timestampOf(at.getTime()) };
}
