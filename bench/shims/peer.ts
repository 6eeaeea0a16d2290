/** A shim as a peer. Its consoles are those of `exec -t` in one container; its idle consoles are containers. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../../test/helpers/base/wait-for.js';
import type { Testbed } from '../../test/helpers/e2e/testbed.js';
import { shimPath } from '../../test/helpers/shim/shim.js';
import { runcShimPath } from '../../test/helpers/shim/shims.js';
import { builtProgram } from '../harness/child.js';
import type { Closable, Peer, ProgramCall, RunningPeer } from '../harness/rounds.js';
import { type ContainerdPart, type ShimContainer, playContainerd, runContainer } from './container.js';

export interface RunningShim extends RunningPeer {
  readonly namespace: ShimNamespace;
  /** The container that it has from the beginning. */
  readonly first: ShimContainer;
}

/** `env` is more for the environment of the shim. */
export function shimPeer({ name, path }: Shim, testbed: Testbed, env: NodeJS.ProcessEnv = {}): Peer<RunningShim> {
  copyFileSync(builtProgram('program'), join(testbed.rootfs, 'bin/program'));
  return {
    name,
    mostConsoles: 100,
    async start(placement) {
      const namespace = shimNamespace(playContainerd(testbed, { placement, env }), path);
      const first = await runIdle(namespace);
      return {
        placement,
        namespace,
        first,
        pids: namespace.pids,
        open: (call) => openConsole(testbed, first, call),
        async openIdle(count) {
          for (let i = 0; i < count; i++) await runIdle(namespace);
        },
        close: namespace.close,
      };
    },
  };
}

/** A container that sends back each line, and has done so once. */
async function runIdle(namespace: ShimNamespace): Promise<ShimContainer> {
  const container = await namespace.run(['/bin/sh', '-c', 'echo idle; exec cat']);
  container.ends.type('typed\n');
  await container.ends.output.expect('typed\r\ntyped\r\n');
  return container;
}

/** Runs bench/c/program.c on the tty. Its `ready` goes to a file, where it is no part of the output. */
async function openConsole(testbed: Testbed, container: ShimContainer, [mode, ...amounts]: ProgramCall) {
  const sign = testbed.newId();
  const command = `exec /bin/program ${mode} /dev/tty ${amounts.join(' ')} >/${sign}`;
  const exec = await container.exec(['/bin/sh', '-c', command], (ends) => ends.output.pause());
  const path = join(testbed.rootfs, sign);
  await waitFor(() => existsSync(path) && statSync(path).size > 0, 'the program in the container');
  return { stdinPath: exec.ends.stdin, stdoutPath: exec.ends.stdout, end: () => exec.remove() };
}

/** A namespace of containerd that one shim serves, and the containers in it. */
export interface ShimNamespace extends Closable {
  /** Of the shims that live: as many as there are containers, or one. */
  pids: () => number[];
  /** Makes a container. It is removed by its `remove` or by `close`. */
  run(args: readonly string[]): Promise<ShimContainer>;
  /** The same shim in a namespace that has no containers yet. */
  anew(): ShimNamespace;
  /** Settles when the shims have ended. */
  close: () => Promise<void>;
}

export function shimNamespace(part: ContainerdPart, shim: string): ShimNamespace {
  const containers = new Set<ShimContainer>();
  const pids = (): number[] => [...new Set([...containers].map(({ shimPid }) => shimPid))];
  return {
    pids,
    async run(args) {
      const container = await runContainer(part, shim, args);
      containers.add(container);
      const remove = async (): Promise<void> => {
        containers.delete(container);
        await container.remove();
      };
      return { ...container, remove };
    },
    anew: () => shimNamespace(part.anew(), shim),
    async close() {
      const shims = pids();
      for (const container of containers) await container.remove();
      containers.clear();
      for (const pid of shims) await waitFor(() => hasEnded(pid), 'the end of the shim');
    },
  };
}

/** Nobody may have reaped it yet. */
function hasEnded(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

/** A shim that is compared, as a program. */
export interface Shim {
  name: string;
  path: string;
  /** What `ctr --runtime` calls it. */
  runtime: string;
}

/** containerd's own comes first, which is the measure. */
export function listShims(): [Shim, Shim] {
  const { stdout } = spawnSync(runcShimPath || 'containerd-shim-runc-v2', ['-v'], { encoding: 'utf8' });
  const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? '';
  return [
    { name: `containerd-shim-runc-v2 ${version}`.trim(), path: runcShimPath, runtime: 'io.containerd.runc.v2' },
    { name: 'termshim', path: shimPath, runtime: shimPath },
  ];
}
