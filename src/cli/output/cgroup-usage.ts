/** What a container uses, from the metrics of either version of control groups. */
import { Metrics as MetricsV1 } from '../../ttrpc/gen/containerd/cgroup-v1.js';
import { Metrics as MetricsV2 } from '../../ttrpc/gen/containerd/cgroup-v2.js';
import type { Any } from '../../ttrpc/gen/google/protobuf/any.js';
import { unpackAny } from '../../ttrpc/message.js';

/** What a controller does not tell is undefined; a limit is, where there is none. */
export interface Usage {
  /** Of all its processes, since it was created. */
  cpuNanoseconds: bigint | undefined;
  /** Without the files in memory that nobody has used for long, which the kernel takes back first: as docker counts. */
  memoryBytes: bigint | undefined;
  memoryLimitBytes: bigint | undefined;
  pids: bigint | undefined;
  pidsLimit: bigint | undefined;
}

/** Undefined for metrics of another kind, as a shim for other systems may have. */
export function usageOf(stats: Any | undefined): Usage | undefined {
  const v1 = unpackAny(MetricsV1, stats);
  if (v1 !== undefined) return usageV1(v1);
  const v2 = unpackAny(MetricsV2, stats);
  return v2 === undefined ? undefined : usageV2(v2);
}

function usageV1({ cpu, memory, pids }: MetricsV1): Usage {
  return {
    cpuNanoseconds: cpu?.usage?.total,
    memoryBytes: memory?.usage && atLeast0(memory.usage.usage - memory.totalInactiveFile),
    memoryLimitBytes: limit(memory?.usage?.limit),
    pids: pids?.current,
    pidsLimit: limit(pids?.limit),
  };
}

function usageV2({ cpu, memory, pids }: MetricsV2): Usage {
  return {
    cpuNanoseconds: cpu && cpu.usageUsec * 1000n,
    memoryBytes: memory && atLeast0(memory.usage - memory.inactiveFile),
    memoryLimitBytes: limit(memory?.usageLimit),
    pids: pids?.current,
    pidsLimit: limit(pids?.limit),
  };
}

/** The two were read one after the other. */
function atLeast0(bytes: bigint): bigint {
  return bytes > 0n ? bytes : 0n;
}

/** No limit is 0, the greatest number, or, in cgroup v1, as many bytes as there are whole pages in 2^63. */
function limit(value: bigint | undefined): bigint | undefined {
  return value === undefined || value === 0n || value >= 2n ** 62n ? undefined : value;
}
