/** The memory controller of cgroup v1; see Documentation/admin-guide/cgroup-v1/memory.rst. */
import type { MemoryEntry, MemoryOomControl, MemoryStat } from '../../ttrpc/gen/containerd/cgroup-v1.js';
import { readCount, readCounts } from '../../task/cgroup/stat-files.js';

export function readMemory(directory: string): MemoryStat | undefined {
  const stat = readCounts(directory, 'memory.stat');
  if (stat === undefined) return undefined;
  return {
    cache: stat('cache'),
    rss: stat('rss'),
    rssHuge: stat('rss_huge'),
    mappedFile: stat('mapped_file'),
    dirty: stat('dirty'),
    writeback: stat('writeback'),
    pgPgIn: stat('pgpgin'),
    pgPgOut: stat('pgpgout'),
    pgFault: stat('pgfault'),
    pgMajFault: stat('pgmajfault'),
    inactiveAnon: stat('inactive_anon'),
    activeAnon: stat('active_anon'),
    inactiveFile: stat('inactive_file'),
    activeFile: stat('active_file'),
    unevictable: stat('unevictable'),
    hierarchicalMemoryLimit: stat('hierarchical_memory_limit'),
    hierarchicalSwapLimit: stat('hierarchical_memsw_limit'),
    totalCache: stat('total_cache'),
    totalRss: stat('total_rss'),
    totalRssHuge: stat('total_rss_huge'),
    totalMappedFile: stat('total_mapped_file'),
    totalDirty: stat('total_dirty'),
    totalWriteback: stat('total_writeback'),
    totalPgPgIn: stat('total_pgpgin'),
    totalPgPgOut: stat('total_pgpgout'),
    totalPgFault: stat('total_pgfault'),
    totalPgMajFault: stat('total_pgmajfault'),
    totalInactiveAnon: stat('total_inactive_anon'),
    totalActiveAnon: stat('total_active_anon'),
    totalInactiveFile: stat('total_inactive_file'),
    totalActiveFile: stat('total_active_file'),
    totalUnevictable: stat('total_unevictable'),
    usage: readEntry(directory, 'memory') ?? { limit: 0n, usage: 0n, max: 0n, failcnt: 0n },
    swap: readEntry(directory, 'memory.memsw'),
    kernel: readEntry(directory, 'memory.kmem'),
    kernelTcp: readEntry(directory, 'memory.kmem.tcp'),
  };
}

export function readOomControl(directory: string): MemoryOomControl | undefined {
  const control = readCounts(directory, 'memory.oom_control');
  if (control === undefined) return undefined;
  return {
    oomKillDisable: control('oom_kill_disable'),
    underOom: control('under_oom'),
    oomKill: control('oom_kill'),
  };
}

/** Undefined if the kernel does not count this: swap without swap accounting, or kernel memory in newer kernels. */
function readEntry(directory: string, prefix: string): MemoryEntry | undefined {
  const usage = readCount(directory, `${prefix}.usage_in_bytes`);
  if (usage === undefined) return undefined;
  const count = (name: string): bigint => readCount(directory, `${prefix}.${name}`) ?? 0n;
  return { limit: count('limit_in_bytes'), usage, max: count('max_usage_in_bytes'), failcnt: count('failcnt') };
}
