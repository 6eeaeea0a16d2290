/** The blkio controller of cgroup v1; see Documentation/admin-guide/cgroup-v1/blkio-controller.rst. */
import type { BlkIOEntry, BlkIOStat } from '../../ttrpc/gen/containerd/cgroup-v1.js';
import { listNames, parseCount, readText } from '../../task/cgroup/stat-files.js';

/**
 * For each field, the files that may have it. The first one with an entry counts. The CFQ scheduler, which Linux 5.0
 * removed, fills all eight fields if it is in use. The throttle policy counts with any scheduler.
 */
const files = {
  ioServiceBytesRecursive: [
    'io_service_bytes_recursive',
    'throttle.io_service_bytes_recursive',
    'throttle.io_service_bytes',
  ],
  ioServicedRecursive: ['io_serviced_recursive', 'throttle.io_serviced_recursive', 'throttle.io_serviced'],
  ioQueuedRecursive: ['io_queued_recursive'],
  ioServiceTimeRecursive: ['io_service_time_recursive'],
  ioWaitTimeRecursive: ['io_wait_time_recursive'],
  ioMergedRecursive: ['io_merged_recursive'],
  ioTimeRecursive: ['time_recursive'],
  sectorsRecursive: ['sectors_recursive'],
} satisfies Record<keyof BlkIOStat, readonly string[]>;

export function readBlkio(directory: string): BlkIOStat {
  const deviceNames = parsePartitions(readText('/proc', 'partitions') ?? '');
  const present = listNames(directory, /^blkio\.(.+)$/);
  const read = (field: keyof BlkIOStat): BlkIOEntry[] => {
    for (const file of files[field].filter((name) => present.includes(name))) {
      const entries = parseBlkio(readText(directory, `blkio.${file}`) ?? '', deviceNames);
      if (entries.length > 0) return entries;
    }
    return [];
  };
  return {
    ioServiceBytesRecursive: read('ioServiceBytesRecursive'),
    ioServicedRecursive: read('ioServicedRecursive'),
    ioQueuedRecursive: read('ioQueuedRecursive'),
    ioServiceTimeRecursive: read('ioServiceTimeRecursive'),
    ioWaitTimeRecursive: read('ioWaitTimeRecursive'),
    ioMergedRecursive: read('ioMergedRecursive'),
    ioTimeRecursive: read('ioTimeRecursive'),
    sectorsRecursive: read('sectorsRecursive'),
  };
}

/** Parses lines such as `8:0 Read 4096` or `8:0 4096`. Skips the last one, `Total 8192`, which is about no device. */
export function parseBlkio(text: string, deviceNames: ReadonlyMap<string, string>): BlkIOEntry[] {
  return text.split('\n').flatMap((line) => {
    const [, device = '', op = '', amount] = /^(\d+:\d+) (?:([A-Z]\w*) )?(\d+)$/.exec(line.trim()) ?? [];
    const [major, minor, value] = [...device.split(':'), amount].map(parseCount);
    if (major === undefined || minor === undefined || value === undefined) return [];
    return { op, device: deviceNames.get(device) ?? '', major, minor, value };
  });
}

/** Parses lines `major minor blocks name` below a heading. Maps `8:0` to `/dev/sda`. */
export function parsePartitions(text: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [major, minor, , name] = line.trim().split(/\s+/);
    if (name !== undefined && parseCount(major) !== undefined) names.set(`${major}:${minor}`, `/dev/${name}`);
  }
  return names;
}
