/** What a container uses, as the Task service's Stats answers it: a message of containerd's own, by cgroup version. */
import type { Any } from '../../ttrpc/gen/google/protobuf/any.js';
import { Metrics as MetricsV1 } from '../../ttrpc/gen/containerd/cgroup-v1.js';
import { Metrics as MetricsV2 } from '../../ttrpc/gen/containerd/cgroup-v2.js';
import { TermshimError } from '../../errors/errors.js';
import { type Cgroup, isCgroup } from '../../task/cgroup/cgroup-paths.js';
import { readMetricsV1 } from './cgroup-v1.js';
import { readMetricsV2 } from './cgroup-v2.js';

/** What the kernel or a controller does not tell is absent. ERR_PROCESS_NOT_FOUND if the cgroup was removed. */
export function readMetrics(cgroup: Cgroup): Any {
  const metrics = cgroup.version === 1 ? encodeV1(readMetricsV1(cgroup)) : encodeV2(readMetricsV2(cgroup));
  // Asked last, since it may be removed while it is read.
  if (isCgroup(cgroup)) return metrics;
  throw new TermshimError('ERR_PROCESS_NOT_FOUND', 'the container is gone, and its cgroup with it');
}

/** containerd knows the messages by their bare names. */
function encodeV1(metrics: MetricsV1): Any {
  return { typeUrl: MetricsV1.$type, value: MetricsV1.encode(metrics).finish() };
}

function encodeV2(metrics: MetricsV2): Any {
  return { typeUrl: MetricsV2.$type, value: MetricsV2.encode(metrics).finish() };
}
