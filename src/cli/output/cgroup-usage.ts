/** The resource usage of a container, from the metrics of either version of control groups. */
import { Metrics as MetricsV1 } from '../../ttrpc/gen/containerd/cgroup-v1.js';
import { Metrics as MetricsV2 } from '../../ttrpc/gen/containerd/cgroup-v2.js';
import type { Any } from '../../ttrpc/gen/google/protobuf/any.js';
import { unpackAny } from '../../ttrpc/message.js';

/** A value that a controller does not report is undefined, and so is a limit that is not set. */
export interface Usage {
  /** The CPU time of all processes since the container was created. */
  cpuNanoseconds: bigint | undefined;
  /** Without pages of files that were not used for long, which the kernel reclaims first: docker counts the same. */
  memoryBytes: bigint | undefined;
  memoryLimitBytes: bigint | undefined;
  pids: bigint | undefined;
  pidsLimit: bigint | undefined;
}

/** Undefined for metrics of another kind, which a shim for other systems may have. */
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

/** The two values were read one after the other, so their difference may be negative. */
function atLeast0(bytes: bigint): bigint {
  return bytes > 0n ? bytes : 0n;
}

/** No limit is reported as 0, as the greatest number, or, in cgroup v1, as 2^63 bytes rounded down to whole pages. */
function limit(value: bigint | undefined): bigint | undefined {
  return value === undefined || value === 0n || value >= 2n ** 62n ? undefined : value;
}
