/** Our shim with a log: in the daemon, or by the log driver. */
import { readFileSync, readdirSync } from 'node:fs';
import { connectTtrpc, clientOf } from '../../src/ttrpc/client.js';
import { TaskDefinition } from '../../src/ttrpc/gen/containerd/task.js';
import { shimPath } from '../../test/helpers/shim/shim.js';
import type { Stage } from '../../test/helpers/e2e/stage.js';
import type { Peer } from '../harness/peer.js';
import { playContainerd } from '../shims/containerd-part.js';
import type { Logger } from './logger.js';

/** `uriOf` says where stdout goes for a log at the path. */
export function shimLogger(name: string, stage: Stage, uriOf: (log: string) => string): Peer<Logger> {
  return {
    name,
    mostConsoles: 1,
    start(placement) {
      const part = playContainerd(stage, { placement });
      return Promise.resolve({
        async open({ args }) {
          const id = stage.newId();
          const bundle = await part.makeBundle(id, args, false);
          const log = `${bundle}.log`;
          const connection = await connectTtrpc((await part.callStart(shimPath, id, bundle)).socket);
          stage.after(() => connection.close());
          const task = clientOf(TaskDefinition, connection);
          stage.after(() => task.shutdown({ id }).catch(() => {}));
          await task.create({ id, bundle, stdout: uriOf(log) });
          await task.start({ id });
          const { shimPid } = await task.connect({ id });
          return {
            log,
            pids: () => [shimPid, ...driversOf(shimPid)],
            async remove() {
              const exited = task.wait({ id });
              await task.kill({ id, signal: 9 });
              await exited;
              await task.delete({ id });
              await task.shutdown({ id }).catch(() => {});
              connection.close();
            },
          };
        },
        close: () => Promise.resolve(),
      });
    },
  };
}

function driversOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' '),
  );
  return children
    .map(Number)
    .filter((child) => child > 0 && readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('log-driver'));
}
