/*
 * The two versions of control groups count in different units and express "no limit" differently. A value that is
 * missing must not become zero, and "no limit" must not become a huge number. Both kinds of metrics are written by hand
 * here.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { usageOf } from '../../../src/cli/output/cgroup-usage.js';
import { MemoryStat as MemoryV1, Metrics as MetricsV1 } from '../../../src/ttrpc/gen/containerd/cgroup-v1.js';
import { CPUStat, MemoryStat as MemoryV2, Metrics as MetricsV2 } from '../../../src/ttrpc/gen/containerd/cgroup-v2.js';
import { message, packAny } from '../../../src/ttrpc/message.js';

const unknown = {
  cpuNanoseconds: undefined,
  memoryBytes: undefined,
  memoryLimitBytes: undefined,
  pids: undefined,
  pidsLimit: undefined,
};

describe('usageOf', () => {
  test('reads cgroup v1, which counts nanoseconds and writes the largest whole page for no limit', () => {
    const entry = { usage: 5000n, limit: 9_223_372_036_854_771_712n, max: 0n, failcnt: 0n };
    const metrics = packAny(MetricsV1, {
      cpu: { usage: { total: 7_000_000_000n, kernel: 0n, user: 0n, perCpu: [] }, throttling: undefined },
      memory: message(MemoryV1, { usage: entry, totalInactiveFile: 2000n }),
      pids: { current: 3n, limit: 0n },
    });
    assert.deepEqual(usageOf(metrics), { ...unknown, cpuNanoseconds: 7_000_000_000n, memoryBytes: 3000n, pids: 3n });
  });

  test('reads cgroup v2, which counts microseconds and sets all bits for no limit', () => {
    const metrics = packAny(MetricsV2, {
      cpu: message(CPUStat, { usageUsec: 7_000_000n }),
      memory: message(MemoryV2, { usage: 5000n, usageLimit: 2n ** 64n - 1n, inactiveFile: 6000n }),
      pids: { current: 3n, limit: 2n ** 64n - 1n },
    });
    assert.deepEqual(usageOf(metrics), { ...unknown, cpuNanoseconds: 7_000_000_000n, memoryBytes: 0n, pids: 3n });
  });

  test('returns the limits of either version', () => {
    const entry = { usage: 5000n, limit: 8192n, max: 0n, failcnt: 0n };
    const v1 = packAny(MetricsV1, { memory: message(MemoryV1, { usage: entry }), pids: { current: 1n, limit: 10n } });
    const v2 = packAny(MetricsV2, {
      memory: message(MemoryV2, { usage: 5000n, usageLimit: 8192n }),
      pids: { current: 1n, limit: 10n },
    });
    for (const metrics of [v1, v2]) {
      assert.deepEqual(usageOf(metrics), {
        cpuNanoseconds: undefined,
        memoryBytes: 5000n,
        memoryLimitBytes: 8192n,
        pids: 1n,
        pidsLimit: 10n,
      });
    }
  });

  test('returns undefined for what no controller reports', () => {
    assert.deepEqual(usageOf(packAny(MetricsV1, {})), unknown);
    assert.deepEqual(usageOf(packAny(MetricsV2, {})), unknown);
  });

  test('returns nothing for metrics of an unknown type', () => {
    assert.equal(usageOf({ typeUrl: 'io.containerd.runhcs.v1.Statistics', value: new Uint8Array(0) }), undefined);
    assert.equal(usageOf(undefined), undefined);
  });
});
