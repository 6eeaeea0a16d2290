/** A namespace of containerd that one shim serves, and the containers in it. */
import { readFileSync } from 'node:fs';
import { waitFor } from '../../test/helpers/base/wait-for.js';
import type { Closable } from '../harness/peer.js';
import { type ShimContainer, runContainer } from './container.js';
import type { ContainerdPart } from './containerd-part.js';

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
