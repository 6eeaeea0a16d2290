/*
 * As in cgroup-v1.test.ts, every value of the fixture is different, so a field with the wrong value is found. The other
 * tests cover limits that say `max`, numbers that a double cannot hold, and lines that end too soon.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readMetrics } from '../../../src/daemon/metrics/metrics.js';
import { parseIo, readMetricsV2 } from '../../../src/daemon/metrics/cgroup-v2.js';
import { parsePressure } from '../../../src/daemon/metrics/pressure.js';
import { parseRdma } from '../../../src/daemon/metrics/rdma.js';
import { Metrics } from '../../../src/ttrpc/gen/containerd/cgroup-v2.js';
import { packageRoot } from '../../../src/package.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';

const whole: Metrics = {
  pids: { current: 2n, limit: 18446744073709551615n },
  cpu: {
    usageUsec: 18446744073709551n,
    userUsec: 900000n,
    systemUsec: 30000n,
    nrPeriods: 48n,
    nrThrottled: 46n,
    throttledUsec: 3620000n,
    psi: {
      some: { avg10: 12.38, avg60: 7.03, avg300: 3.11, total: 16163925n },
      full: { avg10: 0, avg60: 0, avg300: 0, total: 0n },
    },
    nrBursts: 5n,
    burstUsec: 6n,
  },
  memory: {
    anon: 1001n,
    file: 1002n,
    kernelStack: 1004n,
    slab: 1027n,
    sock: 1008n,
    shmem: 1010n,
    fileMapped: 1013n,
    fileDirty: 1014n,
    fileWriteback: 1015n,
    anonThp: 1017n,
    inactiveAnon: 1020n,
    activeAnon: 1021n,
    inactiveFile: 1022n,
    activeFile: 1023n,
    unevictable: 1024n,
    slabReclaimable: 1025n,
    slabUnreclaimable: 1026n,
    pgfault: 1041n,
    pgmajfault: 1042n,
    workingsetRefault: 0n,
    workingsetActivate: 0n,
    workingsetNodereclaim: 1034n,
    pgrefill: 1043n,
    pgscan: 1035n,
    pgsteal: 1036n,
    pgactivate: 1044n,
    pgdeactivate: 1045n,
    pglazyfree: 1046n,
    pglazyfreed: 1047n,
    thpFaultAlloc: 1050n,
    thpCollapseAlloc: 1051n,
    usage: 25161728n,
    usageLimit: 25165824n,
    swapUsage: 4096n,
    swapLimit: 18446744073709551615n,
    maxUsage: 25165820n,
    swapMaxUsage: 8192n,
    psi: {
      some: { avg10: 0.5, avg60: 0.25, avg300: 0.12, total: 9007199254740993n },
      full: { avg10: 0.4, avg60: 0.2, avg300: 0.1, total: 21n },
    },
    workingsetRefaultAnon: 1028n,
    workingsetRefaultFile: 1029n,
    workingsetActivateAnon: 1030n,
    workingsetActivateFile: 1031n,
  },
  rdma: {
    current: [{ device: 'mlx4_0', hcaHandles: 2, hcaObjects: 2000 }],
    limit: [{ device: 'mlx4_0', hcaHandles: 4294967295, hcaObjects: 4000 }],
  },
  io: {
    usage: [
      { major: 8n, minor: 16n, rbytes: 1459200n, wbytes: 314773504n, rios: 192n, wios: 353n },
      { major: 254n, minor: 0n, rbytes: 4096n, wbytes: 0n, rios: 1n, wios: 0n },
    ],
    psi: {
      some: { avg10: 1, avg60: 2, avg300: 3, total: 31n },
      full: { avg10: 4, avg60: 5, avg300: 6, total: 32n },
    },
  },
  hugetlb: [
    { current: 1073741824n, max: 18446744073709551615n, pagesize: '1GB', failcnt: 0n },
    { current: 2097152n, max: 16777216n, pagesize: '2MB', failcnt: 9n },
  ],
  memoryEvents: { low: 11n, high: 12n, max: 502n, oom: 14n, oomKill: 15n, oomGroupKill: 16n },
  network: [],
};

test('every file of a v2 control group fills its field', () => {
  const directory = join(packageRoot, 'test/fixtures/cgroup-v2');
  const { typeUrl, value } = readMetrics({ version: 2, directory });
  assert.equal(typeUrl, 'io.containerd.cgroups.v2.Metrics');
  assert.deepEqual(Metrics.decode(value), whole);
});

test('a v2 control group without controllers has empty metrics', (t) => {
  const absent = { pids: undefined, cpu: undefined, memory: undefined, rdma: undefined, io: undefined };
  const metrics = readMetricsV2({ version: 2, directory: temporaryDirectory(t) });
  assert.deepEqual(metrics, { ...absent, hugetlb: [], memoryEvents: undefined, network: [] });
});

test('io.stat is read with devices without numbers, unknown keys and a line that is cut off', () => {
  const text = '7:0 \n8:0 rbytes=5 junk wios=18446744073709551615 rios=-1 wbytes\nx:0 rbytes=1\n8 rbytes=1\n8:1 rby';
  assert.deepEqual(parseIo(text), [
    { major: 8n, minor: 0n, rbytes: 5n, wbytes: 0n, rios: 0n, wios: 18446744073709551615n },
    { major: 8n, minor: 1n, rbytes: 0n, wbytes: 0n, rios: 0n, wios: 0n },
  ]);
});

test('pressure files are read without `full`, and with a line that is cut off', () => {
  const some = { avg10: 1.5, avg60: 0, avg300: 0, total: 7n };
  assert.deepEqual(parsePressure('some avg10=1.50 avg60=0.00 avg300=0.00 total=7\n'), { some, full: undefined });
  assert.deepEqual(parsePressure('some avg10=1.50 avg60=x avg3'), { some: { ...some, total: 0n }, full: undefined });
  assert.deepEqual(parsePressure(''), { some: undefined, full: undefined });
});

test('a line of rdma that is cut off is skipped', () => {
  assert.deepEqual(parseRdma('mlx4_0 hca_handle=1 hca_object=99999999999\nmlx4_1 hca_handle=1\n\nmlx4_2'), [
    { device: 'mlx4_0', hcaHandles: 1, hcaObjects: 4294967295 },
  ]);
});
