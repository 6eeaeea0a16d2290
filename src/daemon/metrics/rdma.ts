/** The rdma controller, which is the same in cgroup v1 and v2; see Documentation/admin-guide/cgroup-v1/rdma.rst. */
import type { RdmaEntry, RdmaStat } from '../../ttrpc/gen/containerd/cgroup-v2.js';
import { parseCount, parsePairs, readText, unlimited } from '../../task/cgroup/stat-files.js';

export function readRdma(directory: string): RdmaStat | undefined {
  const current = readText(directory, 'rdma.current');
  if (current === undefined) return undefined;
  return { current: parseRdma(current), limit: parseRdma(readText(directory, 'rdma.max') ?? '') };
}

/** Parses lines such as `mlx4_0 hca_handle=2 hca_object=max`. */
export function parseRdma(text: string): RdmaEntry[] {
  return text.split('\n').flatMap((line) => {
    const [device, ...words] = line.trim().split(/\s+/);
    const values = parsePairs(words);
    const [hcaHandles, hcaObjects] = ['hca_handle', 'hca_object'].map((key) => toUint32(values.get(key)));
    if (!device || hcaHandles === undefined || hcaObjects === undefined) return [];
    return { device, hcaHandles, hcaObjects };
  });
}

const largestUint32 = 2 ** 32 - 1;

function toUint32(word: string | undefined): number | undefined {
  const count = parseCount(word);
  return count === unlimited ? largestUint32 : count === undefined ? undefined : Math.min(Number(count), largestUint32);
}
