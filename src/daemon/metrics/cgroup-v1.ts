/**
 * The metrics of cgroup v1. Each field comes from the same file as in containerd's cgroups (cgroup1). The kernel's page
 * on each controller is in Documentation/admin-guide/cgroup-v1.
 *
 * containerd's clients read the parts of `cpu` and `memory` without checking that they exist. So if one of the two is
 * present, it has the parts that every kernel provides.
 */
import type { CPUStat, HugetlbStat, Metrics, PidsStat } from '../../ttrpc/gen/containerd/cgroup-v1.js';
import { readBlkio } from './blkio-v1.js';
import type { CgroupV1 } from '../../task/cgroup/cgroup-paths.js';
import { readMemory, readOomControl } from './memory-v1.js';
import { readRdma } from './rdma.js';
import { listNames, readCount, readCounts, readText, parseCount, unlimited } from '../../task/cgroup/stat-files.js';

export function readMetricsV1({ directories }: CgroupV1): Metrics {
  const from = <T>(controller: string, read: (directory: string) => T | undefined): T | undefined => {
    const directory = directories.get(controller);
    return directory === undefined ? undefined : read(directory);
  };
  return {
    hugetlb: from('hugetlb', readHugetlb) ?? [],
    pids: from('pids', readPids),
    cpu: joinCpu(from('cpuacct', readUsage), from('cpu', readThrottling)),
    memory: from('memory', readMemory),
    blkio: from('blkio', readBlkio),
    rdma: from('rdma', readRdma),
    network: [],
    cgroupStats: undefined,
    memoryOomControl: from('memory', readOomControl),
  };
}

/** The limit 0 means no limit, as in containerd. */
function readPids(directory: string): PidsStat | undefined {
  const current = readCount(directory, 'pids.current');
  const limit = readCount(directory, 'pids.max') ?? 0n;
  return current === undefined ? undefined : { current, limit: limit === unlimited ? 0n : limit };
}

type Usage = NonNullable<CPUStat['usage']>;
type Throttling = NonNullable<CPUStat['throttling']>;

function joinCpu(usage: Usage | undefined, throttling: Throttling | undefined): CPUStat | undefined {
  if (usage === undefined && throttling === undefined) return undefined;
  return {
    usage: usage ?? { total: 0n, kernel: 0n, user: 0n, perCpu: [] },
    throttling: throttling ?? { periods: 0n, throttledPeriods: 0n, throttledTime: 0n },
  };
}

/** cpuacct.stat counts in ticks of USER_HZ, 100 in a second. The other files count in nanoseconds. */
const nanosecondsPerTick = 10_000_000n;

function readUsage(directory: string): Usage | undefined {
  const total = readCount(directory, 'cpuacct.usage');
  const ticks = readCounts(directory, 'cpuacct.stat');
  if (total === undefined) return undefined;
  return {
    total,
    kernel: (ticks?.('system') ?? 0n) * nanosecondsPerTick,
    user: (ticks?.('user') ?? 0n) * nanosecondsPerTick,
    perCpu: (readText(directory, 'cpuacct.usage_percpu') ?? '').split(/\s+/).flatMap((word) => parseCount(word) ?? []),
  };
}

function readThrottling(directory: string): Throttling | undefined {
  const stat = readCounts(directory, 'cpu.stat');
  if (stat === undefined) return undefined;
  return {
    periods: stat('nr_periods'),
    throttledPeriods: stat('nr_throttled'),
    throttledTime: stat('throttled_time'),
  };
}

function readHugetlb(directory: string): HugetlbStat[] {
  return listNames(directory, /^hugetlb\.(\d+[KMGT]?B)\.usage_in_bytes$/).map((pagesize) => {
    const count = (name: string): bigint => readCount(directory, `hugetlb.${pagesize}.${name}`) ?? 0n;
    return { usage: count('usage_in_bytes'), max: count('max_usage_in_bytes'), failcnt: count('failcnt'), pagesize };
  });
}
