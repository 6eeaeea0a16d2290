/*
 * A field that is filled from the wrong file or with the wrong key has a plausible number, so nobody would notice. In
 * the fixture every value is different, in the kernel's own format and order, and the test compares the whole message
 * after it was encoded and decoded. The other tests cover files that a kernel or a container may lack, and lines that a
 * file should not have.
 */
import assert from 'node:assert/strict';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseBlkio, parsePartitions } from '../../../src/daemon/metrics/blkio-v1.js';
import type { CgroupV1 } from '../../../src/task/cgroup/cgroup-paths.js';
import { readMetrics } from '../../../src/daemon/metrics/metrics.js';
import { readMetricsV1 } from '../../../src/daemon/metrics/cgroup-v1.js';
import { Metrics } from '../../../src/ttrpc/gen/containerd/cgroup-v1.js';
import { packageRoot } from '../../../src/package.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';

const controllers = ['blkio', 'cpu', 'cpuacct', 'hugetlb', 'memory', 'pids', 'rdma'];

function cgroupAt(parent: string): CgroupV1 {
  return { version: 1, directories: new Map(controllers.map((name) => [name, join(parent, name)])) };
}

/** A copy of the fixture, to be changed. */
function copyFixture(t: TestContext): string {
  const directory = temporaryDirectory(t);
  cpSync(join(packageRoot, 'test/fixtures/cgroup-v1'), directory, { recursive: true });
  return directory;
}

const whole: Metrics = {
  hugetlb: [
    { usage: 2147483648n, max: 3221225472n, failcnt: 0n, pagesize: '1GB' },
    { usage: 4194304n, max: 6291456n, failcnt: 7n, pagesize: '2MB' },
  ],
  pids: { current: 2n, limit: 64n },
  cpu: {
    usage: {
      total: 18446744073709551n,
      kernel: 370000000n,
      user: 1520000000n,
      perCpu: [12297829382473034n, 6148914691236517n],
    },
    throttling: { periods: 48n, throttledPeriods: 46n, throttledTime: 3620000000n },
  },
  memory: {
    cache: 4096n,
    rss: 8192n,
    rssHuge: 12288n,
    mappedFile: 20480n,
    dirty: 24576n,
    writeback: 28672n,
    pgPgIn: 49152n,
    pgPgOut: 53248n,
    pgFault: 57344n,
    pgMajFault: 61440n,
    inactiveAnon: 65536n,
    activeAnon: 69632n,
    inactiveFile: 73728n,
    activeFile: 77824n,
    unevictable: 81920n,
    hierarchicalMemoryLimit: 67108864n,
    hierarchicalSwapLimit: 9223372036854771712n,
    totalCache: 413696n,
    totalRss: 417792n,
    totalRssHuge: 421888n,
    totalMappedFile: 430080n,
    totalDirty: 434176n,
    totalWriteback: 438272n,
    totalPgPgIn: 458752n,
    totalPgPgOut: 462848n,
    totalPgFault: 466944n,
    totalPgMajFault: 471040n,
    totalInactiveAnon: 475136n,
    totalActiveAnon: 479232n,
    totalInactiveFile: 483328n,
    totalActiveFile: 487424n,
    totalUnevictable: 491520n,
    usage: { limit: 67108864n, usage: 50331648n, max: 67108863n, failcnt: 251n },
    swap: { limit: 9223372036854771712n, usage: 50335744n, max: 67112960n, failcnt: 2n },
    kernel: { limit: 9223372036854771712n, usage: 237568n, max: 638976n, failcnt: 1n },
    kernelTcp: undefined,
  },
  blkio: {
    ioServiceBytesRecursive: [
      { op: 'Read', device: '', major: 254n, minor: 0n, value: 8192n },
      { op: 'Write', device: '', major: 254n, minor: 0n, value: 4096n },
      { op: 'Sync', device: '', major: 254n, minor: 0n, value: 8192n },
      { op: 'Async', device: '', major: 254n, minor: 0n, value: 4096n },
      { op: 'Discard', device: '', major: 254n, minor: 0n, value: 0n },
      { op: 'Total', device: '', major: 254n, minor: 0n, value: 12288n },
      { op: 'Read', device: '', major: 7n, minor: 1n, value: 512n },
      { op: 'Write', device: '', major: 7n, minor: 1n, value: 0n },
      { op: 'Sync', device: '', major: 7n, minor: 1n, value: 512n },
      { op: 'Async', device: '', major: 7n, minor: 1n, value: 0n },
      { op: 'Discard', device: '', major: 7n, minor: 1n, value: 0n },
      { op: 'Total', device: '', major: 7n, minor: 1n, value: 512n },
    ],
    ioServicedRecursive: [
      { op: 'Read', device: '', major: 254n, minor: 0n, value: 2n },
      { op: 'Write', device: '', major: 254n, minor: 0n, value: 1n },
      { op: 'Sync', device: '', major: 254n, minor: 0n, value: 2n },
      { op: 'Async', device: '', major: 254n, minor: 0n, value: 1n },
      { op: 'Discard', device: '', major: 254n, minor: 0n, value: 0n },
      { op: 'Total', device: '', major: 254n, minor: 0n, value: 3n },
    ],
    ioQueuedRecursive: [],
    ioServiceTimeRecursive: [],
    ioWaitTimeRecursive: [],
    ioMergedRecursive: [],
    ioTimeRecursive: [],
    sectorsRecursive: [],
  },
  rdma: {
    current: [
      { device: 'mlx4_0', hcaHandles: 2, hcaObjects: 2000 },
      { device: 'ocrdma1', hcaHandles: 3, hcaObjects: 0 },
    ],
    limit: [
      { device: 'mlx4_0', hcaHandles: 2, hcaObjects: 4294967295 },
      { device: 'ocrdma1', hcaHandles: 3, hcaObjects: 4294967295 },
    ],
  },
  network: [],
  cgroupStats: undefined,
  memoryOomControl: { oomKillDisable: 0n, underOom: 1n, oomKill: 3n },
};

test('every file of a v1 control group fills its field', () => {
  const { typeUrl, value } = readMetrics(cgroupAt(join(packageRoot, 'test/fixtures/cgroup-v1')));
  assert.equal(typeUrl, 'io.containerd.cgroups.v1.Metrics');
  const metrics = Metrics.decode(value);
  // Devices have their names of this machine, if it has such devices.
  for (const entries of Object.values(metrics.blkio ?? {})) for (const entry of entries) entry.device = '';
  assert.deepEqual(metrics, whole);
});

test('a v1 controller that is off leaves its fields undefined', () => {
  const nothing = { version: 1, directories: new Map() } as const;
  const absent = { pids: undefined, cpu: undefined, memory: undefined, blkio: undefined, rdma: undefined };
  const others = { hugetlb: [], network: [], cgroupStats: undefined, memoryOomControl: undefined };
  assert.deepEqual(readMetricsV1(nothing), { ...absent, ...others });
});

test('fields that clients read without a check are always set', (t) => {
  const directory = copyFixture(t);
  const { directories } = cgroupAt(directory);
  const cpuacct = readMetricsV1({ version: 1, directories: new Map([['cpuacct', directories.get('cpuacct') ?? '']]) });
  assert.deepEqual(cpuacct.cpu?.throttling, { periods: 0n, throttledPeriods: 0n, throttledTime: 0n });
  const cpu = readMetricsV1({ version: 1, directories: new Map([['cpu', directories.get('cpu') ?? '']]) });
  assert.deepEqual(cpu.cpu?.usage, { total: 0n, kernel: 0n, user: 0n, perCpu: [] });
  for (const name of ['usage_in_bytes', 'memsw.usage_in_bytes']) rmSync(join(directory, 'memory', `memory.${name}`));
  const { memory } = readMetricsV1(cgroupAt(directory));
  assert.deepEqual(memory?.usage, { limit: 0n, usage: 0n, max: 0n, failcnt: 0n });
  assert.equal(memory.swap, undefined);
});

test('a control group without a limit of processes reports 0, as containerd does', (t) => {
  const directory = copyFixture(t);
  writeFileSync(join(directory, 'pids/pids.max'), 'max\n');
  assert.deepEqual(readMetricsV1(cgroupAt(directory)).pids, { current: 2n, limit: 0n });
});

test('figures of the CFQ scheduler replace those of the throttle policy if it has counted anything', (t) => {
  const directory = copyFixture(t);
  const write = (name: string, text: string): void => writeFileSync(join(directory, 'blkio', `blkio.${name}`), text);
  write('io_service_bytes_recursive', '8:0 Read 77\nTotal 77\n');
  write('io_serviced_recursive', 'Total 0\n');
  write('time_recursive', '8:0 5\n');
  write('sectors_recursive', '8:0 6\n');
  const blkio = readMetricsV1(cgroupAt(directory)).blkio;
  assert.deepEqual(
    [blkio?.ioServiceBytesRecursive, blkio?.ioServicedRecursive, blkio?.ioTimeRecursive, blkio?.sectorsRecursive].map(
      (entries) => entries?.map(({ op, value }) => `${op} ${value}`).slice(0, 2),
    ),
    [['Read 77'], ['Read 2', 'Write 1'], [' 5'], [' 6']],
  );
});

test('a kernel without the recursive files is read from the others', (t) => {
  const directory = copyFixture(t);
  rmSync(join(directory, 'blkio/blkio.throttle.io_serviced_recursive'));
  const [first] = readMetricsV1(cgroupAt(directory)).blkio?.ioServicedRecursive ?? [];
  assert.equal(first?.value, 1n);
});

test('invalid lines of blkio are skipped', () => {
  const text =
    '8:0 Read 18446744073709551615\n8:0 Write\n8:0 Read x\n8 Read 5\n\nTotal 5\n8:0 Read 18446744073709551616\n8:';
  assert.deepEqual(parseBlkio(text, new Map([['8:0', '/dev/sda']])), [
    { op: 'Read', device: '/dev/sda', major: 8n, minor: 0n, value: 18446744073709551615n },
  ]);
});

test('the heading and the empty line of /proc/partitions are no devices', () => {
  const text = 'major minor  #blocks  name\n\n   8        0  268435456 sda\n   8        1       1024 sda1\n 259';
  assert.deepEqual(
    [...parsePartitions(text)],
    [
      ['8:0', '/dev/sda'],
      ['8:1', '/dev/sda1'],
    ],
  );
});
