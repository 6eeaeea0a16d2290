/** The peers of the log rows: programs that write the log of a container without a terminal. */
import { copyFileSync, existsSync, readFileSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFifo } from '../../src/os/fifo.js';
import { defaultSpec, writeBundle } from '../../src/runtime/spec/default-spec.js';
import { clientOf, connectTtrpc } from '../../src/ttrpc/client.js';
import { TaskDefinition } from '../../src/ttrpc/gen/containerd/task.js';
import { runToEnd } from '../../test/helpers/base/command.js';
import type { Testbed } from '../../test/helpers/e2e/testbed.js';
import { shimPath } from '../../test/helpers/shim/shim.js';
import { builtProgram, until } from '../harness/child.js';
import type { Closable, Peer } from '../harness/rounds.js';
import { playContainerd } from '../shims/container.js';

export interface Logger extends Closable {
  /** Settles when the container runs, and has written nothing yet. */
  open(program: LineProgram): Promise<LoggedContainer>;
}

export interface LoggedContainer {
  readonly log: string;
  /** The processes that log. */
  pids: () => readonly number[];
  remove: () => Promise<void>;
}

/** A run of bench/c/program.c, which writes lines after `begin`. */
export interface LineProgram {
  readonly args: readonly string[];
  begin(): Promise<void>;
}

export function lineProgram(testbed: Testbed, bytes: number): LineProgram {
  const name = `go-${testbed.newId()}`;
  const fifo = join(testbed.rootfs, name);
  copyFileSync(builtProgram('program'), join(testbed.rootfs, 'bin/program'));
  createFifo(fifo);
  return { args: ['/bin/program', 'lines', `/${name}`, String(bytes)], begin: () => writeFile(fifo, '') };
}

/** Our shim with a log: in the daemon, or by the log driver. `uriOf` says where stdout goes for a log at the path. */
export function shimLogger(name: string, testbed: Testbed, uriOf: (log: string) => string): Peer<Logger> {
  return {
    name,
    mostConsoles: 1,
    start(placement) {
      const part = playContainerd(testbed, { placement });
      return Promise.resolve({
        async open({ args }) {
          const id = testbed.newId();
          const bundle = await part.makeBundle(id, args, false);
          const log = `${bundle}.log`;
          const connection = await connectTtrpc((await part.callStart(shimPath, id, bundle)).socket);
          testbed.after(() => connection.close());
          const task = clientOf(TaskDefinition, connection);
          testbed.after(() => task.shutdown({ id }).catch(() => {}));
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

/** The real conmon with real runc, and its log in the format `k8s-file`. */
export function conmonLogger(name: string, testbed: Testbed): Peer<Logger> {
  return {
    name,
    mostConsoles: 1,
    start: ({ prefix }) =>
      Promise.resolve({
        async open({ args }) {
          const id = testbed.newId();
          const bundle = testbed.path(id);
          await writeBundle(bundle, defaultSpec({ rootfs: testbed.rootfs, args, terminal: false, rootless: false }));
          await runToEnd([...prefix, 'conmon', ...conmonArguments(id, bundle)], { env: testbed.env });
          await until(() => existsSync(join(bundle, 'pid')), 'container of conmon');
          await runToEnd(['runc', 'start', id]);
          const conmon = Number(readFileSync(join(bundle, 'conmon'), 'utf8'));
          return {
            log: join(bundle, 'log'),
            pids: () => [conmon],
            async remove() {
              await runToEnd(['runc', 'delete', '--force', id]);
              await until(() => !existsSync(`/proc/${conmon}`), 'end of conmon');
            },
          };
        },
        close: () => Promise.resolve(),
      }),
  };
}

function conmonArguments(id: string, bundle: string): string[] {
  const named = {
    cid: id,
    cuuid: id,
    bundle,
    runtime: '/usr/sbin/runc',
    'container-pidfile': join(bundle, 'pid'),
    'conmon-pidfile': join(bundle, 'conmon'),
    'socket-dir-path': bundle,
    'log-path': `k8s-file:${join(bundle, 'log')}`,
  };
  return Object.entries(named).flatMap(([name, value]) => [`--${name}`, value]);
}
