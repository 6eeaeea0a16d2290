/** The resource usage of a container for the method Stats: a message of containerd for each version of cgroups. */
import type { Any } from '../../ttrpc/gen/google/protobuf/any.js';
import { Metrics as MetricsV1 } from '../../ttrpc/gen/containerd/cgroup-v1.js';
import { Metrics as MetricsV2 } from '../../ttrpc/gen/containerd/cgroup-v2.js';
import { TermshimError } from '../../errors/errors.js';
import { type Cgroup, isCgroup } from '../../task/cgroup/cgroup-paths.js';
import { readMetricsV1 } from './cgroup-v1.js';
import { readMetricsV2 } from './cgroup-v2.js';
import { packAny } from '../../ttrpc/message.js';

/** A value that the kernel does not provide is absent. Throws ERR_PROCESS_NOT_FOUND if the cgroup was removed. */
export function readMetrics(cgroup: Cgroup): Any {
  const metrics =
    cgroup.version === 1 ? packAny(MetricsV1, readMetricsV1(cgroup)) : packAny(MetricsV2, readMetricsV2(cgroup));
  // Checked last, because the cgroup may be removed while its files are read.
  if (isCgroup(cgroup)) return metrics;
  throw new TermshimError('ERR_PROCESS_NOT_FOUND', 'the container has ended, and its cgroup was removed');
}
