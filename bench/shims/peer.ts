/** A shim as a peer. Its consoles are those of `exec -t` in one container; its idle consoles are containers. */
import { copyFileSync, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from '../../test/helpers/e2e/stage.js';
import { waitFor } from '../../test/helpers/base/wait-for.js';
import { builtProgram } from '../harness/child.js';
import type { Peer, ProgramCall, RunningPeer } from '../harness/peer.js';
import { playContainerd } from './containerd-part.js';
import type { ShimContainer } from './container.js';
import { type ShimNamespace, shimNamespace } from './namespace.js';
import type { Shim } from './shims.js';

export interface RunningShim extends RunningPeer {
  readonly namespace: ShimNamespace;
  /** The container that it has from the beginning. */
  readonly first: ShimContainer;
}

/** `env` is more for the environment of the shim. */
export function shimPeer({ name, path }: Shim, stage: Stage, env: NodeJS.ProcessEnv = {}): Peer<RunningShim> {
  copyFileSync(builtProgram('program'), join(stage.rootfs, 'bin/program'));
  return {
    name,
    mostConsoles: 100,
    async start(placement) {
      const namespace = shimNamespace(playContainerd(stage, { placement, env }), path);
      const first = await runIdle(namespace);
      return {
        placement,
        namespace,
        first,
        pids: namespace.pids,
        open: (call) => openConsole(stage, first, call),
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
  await container.ends.output.sees('typed\r\ntyped\r\n');
  return container;
}

/** Runs bench/c/program.c on the tty. Its `ready` goes to a file, where it is no part of the output. */
async function openConsole(stage: Stage, container: ShimContainer, [mode, ...amounts]: ProgramCall) {
  const sign = stage.newId();
  const command = `exec /bin/program ${mode} /dev/tty ${amounts.join(' ')} >/${sign}`;
  const exec = await container.exec(['/bin/sh', '-c', command], (ends) => ends.output.pause());
  const path = join(stage.rootfs, sign);
  await waitFor(() => existsSync(path) && statSync(path).size > 0, 'the program in the container');
  return { stdinPath: exec.ends.stdin, stdoutPath: exec.ends.stdout, end: () => exec.remove() };
}
