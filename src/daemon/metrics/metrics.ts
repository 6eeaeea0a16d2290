/** The resource usage of a container for the method Stats: a message of containerd for each version of cgroups. */
import type { Any } from '../../ttrpc/gen/google/protobuf/any.js';
import { Metrics as MetricsV1 } from '../../ttrpc/gen/containerd/cgroup-v1.js';
import { Metrics as MetricsV2 } from '../../ttrpc/gen/containerd/cgroup-v2.js';
import { TermshimError } from '../../errors/errors.js';
import { type Cgroup, isCgroup } from '../../task/cgroup/cgroup-paths.js';
import { readMetricsV1 } from './cgroup-v1.js';
import { readMetricsV2 } from './cgroup-v2.js';

/** A value that the kernel does not provide is absent. Throws ERR_PROCESS_NOT_FOUND if the cgroup was removed. */
export function readMetrics(cgroup: Cgroup): Any {
  const metrics = cgroup.version === 1 ? encodeV1(readMetricsV1(cgroup)) : encodeV2(readMetricsV2(cgroup));
  // Checked last, because the cgroup may be removed while its files are read.
  if (isCgroup(cgroup)) return metrics;
  throw new TermshimError('ERR_PROCESS_NOT_FOUND', 'the container is gone, and its cgroup with it');
}

/** containerd's type URLs are the bare names of messages. */
function encodeV1(metrics: MetricsV1): Any {
  return { typeUrl: MetricsV1.$type, value: MetricsV1.encode(metrics).finish() };
}

function encodeV2(metrics: MetricsV2): Any {
  return { typeUrl: MetricsV2.$type, value: MetricsV2.encode(metrics).finish() };
}
