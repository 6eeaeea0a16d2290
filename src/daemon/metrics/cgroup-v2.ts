/**
 * The metrics of cgroup v2. Each field comes from the same file as in containerd's cgroups (cgroup2). The kernel
 * describes the files in Documentation/admin-guide/cgroup-v2.rst.
 */
import type {
  CPUStat,
  HugeTlbStat,
  IOEntry,
  IOStat,
  MemoryEvents,
  Metrics,
  PidsStat,
} from '../../ttrpc/gen/containerd/cgroup-v2.js';
import type { CgroupV2 } from '../../task/cgroup/cgroup-paths.js';
import { readMemory } from './memory-v2.js';
import { readPressure } from './pressure.js';
import { readRdma } from './rdma.js';
import { listNames, parseCount, parsePairs, readCount, readCounts, readText } from '../../task/cgroup/stat-files.js';

export function readMetricsV2({ directory }: CgroupV2): Metrics {
  return {
    pids: readPids(directory),
    cpu: readCpu(directory),
    memory: readMemory(directory),
    rdma: readRdma(directory),
    io: readIo(directory),
    hugetlb: readHugetlb(directory),
    memoryEvents: readMemoryEvents(directory),
    network: [],
  };
}

function readPids(directory: string): PidsStat | undefined {
  const current = readCount(directory, 'pids.current');
  return current === undefined ? undefined : { current, limit: readCount(directory, 'pids.max') ?? 0n };
}

function readCpu(directory: string): CPUStat | undefined {
  const stat = readCounts(directory, 'cpu.stat');
  if (stat === undefined) return undefined;
  return {
    usageUsec: stat('usage_usec'),
    userUsec: stat('user_usec'),
    systemUsec: stat('system_usec'),
    nrPeriods: stat('nr_periods'),
    nrThrottled: stat('nr_throttled'),
    throttledUsec: stat('throttled_usec'),
    psi: readPressure(directory, 'cpu.pressure'),
    nrBursts: stat('nr_bursts'),
    burstUsec: stat('burst_usec'),
  };
}

function readMemoryEvents(directory: string): MemoryEvents | undefined {
  const events = readCounts(directory, 'memory.events');
  if (events === undefined) return undefined;
  return {
    low: events('low'),
    high: events('high'),
    max: events('max'),
    oom: events('oom'),
    oomKill: events('oom_kill'),
    oomGroupKill: events('oom_group_kill'),
  };
}

function readIo(directory: string): IOStat | undefined {
  const stat = readText(directory, 'io.stat');
  return stat === undefined ? undefined : { usage: parseIo(stat), psi: readPressure(directory, 'io.pressure') };
}

/** Parses lines such as `8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353`. Skips a device without pairs. */
export function parseIo(text: string): IOEntry[] {
  return text.split('\n').flatMap((line) => {
    const [device = '', ...words] = line.trim().split(/\s+/);
    const [major, minor] = device.split(':').map(parseCount);
    if (major === undefined || minor === undefined || words.length === 0) return [];
    const values = parsePairs(words);
    const count = (key: string): bigint => parseCount(values.get(key)) ?? 0n;
    return {
      major,
      minor,
      rbytes: count('rbytes'),
      wbytes: count('wbytes'),
      rios: count('rios'),
      wios: count('wios'),
    };
  });
}

function readHugetlb(directory: string): HugeTlbStat[] {
  return listNames(directory, /^hugetlb\.(\d+[KMGT]?B)\.current$/).map((pagesize) => ({
    current: readCount(directory, `hugetlb.${pagesize}.current`) ?? 0n,
    max: readCount(directory, `hugetlb.${pagesize}.max`) ?? 0n,
    pagesize,
    failcnt: readCounts(directory, `hugetlb.${pagesize}.events`)?.('max') ?? 0n,
  }));
}
