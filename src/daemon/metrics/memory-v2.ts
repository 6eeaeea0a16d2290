/** The memory controller of cgroup v2. */
import type { MemoryStat } from '../../ttrpc/gen/containerd/cgroup-v2.js';
import { readPressure } from './pressure.js';
import { readCount, readCounts } from '../../task/cgroup/stat-files.js';

export function readMemory(directory: string): MemoryStat | undefined {
  const stat = readCounts(directory, 'memory.stat');
  if (stat === undefined) return undefined;
  const count = (file: string): bigint => readCount(directory, file) ?? 0n;
  return {
    anon: stat('anon'),
    file: stat('file'),
    kernelStack: stat('kernel_stack'),
    slab: stat('slab'),
    sock: stat('sock'),
    shmem: stat('shmem'),
    fileMapped: stat('file_mapped'),
    fileDirty: stat('file_dirty'),
    fileWriteback: stat('file_writeback'),
    anonThp: stat('anon_thp'),
    inactiveAnon: stat('inactive_anon'),
    activeAnon: stat('active_anon'),
    inactiveFile: stat('inactive_file'),
    activeFile: stat('active_file'),
    unevictable: stat('unevictable'),
    slabReclaimable: stat('slab_reclaimable'),
    slabUnreclaimable: stat('slab_unreclaimable'),
    pgfault: stat('pgfault'),
    pgmajfault: stat('pgmajfault'),
    // Linux 5.9 and later count these two separately for anonymous memory and for files.
    workingsetRefault: stat('workingset_refault'),
    workingsetActivate: stat('workingset_activate'),
    workingsetNodereclaim: stat('workingset_nodereclaim'),
    pgrefill: stat('pgrefill'),
    pgscan: stat('pgscan'),
    pgsteal: stat('pgsteal'),
    pgactivate: stat('pgactivate'),
    pgdeactivate: stat('pgdeactivate'),
    pglazyfree: stat('pglazyfree'),
    pglazyfreed: stat('pglazyfreed'),
    thpFaultAlloc: stat('thp_fault_alloc'),
    thpCollapseAlloc: stat('thp_collapse_alloc'),
    usage: count('memory.current'),
    usageLimit: count('memory.max'),
    swapUsage: count('memory.swap.current'),
    swapLimit: count('memory.swap.max'),
    maxUsage: count('memory.peak'),
    swapMaxUsage: count('memory.swap.peak'),
    psi: readPressure(directory, 'memory.pressure'),
    workingsetRefaultAnon: stat('workingset_refault_anon'),
    workingsetRefaultFile: stat('workingset_refault_file'),
    workingsetActivateAnon: stat('workingset_activate_anon'),
    workingsetActivateFile: stat('workingset_activate_file'),
  };
}
