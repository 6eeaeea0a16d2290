/*
 * With a wrong directory the metrics are those of another cgroup, or of the whole machine. The tables have the forms of
 * real systems: v1, v2, both at once, containerd in a container of its own, and a process that is exiting. The other
 * tests use real processes and cgroups.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Cgroup, findCgroup, isCgroup, locateCgroup } from '../../../src/task/cgroup/cgroup-paths.js';
import { readMetrics } from '../../../src/daemon/metrics/metrics.js';
import { readEntry } from '../../../src/os/process/process-table.js';
import { isV2 } from '../../helpers/runtime/memory-cgroup.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const v1Mounts = `23 1 0:22 / / rw - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
33 31 0:31 / /sys/fs/cgroup/memory rw,nosuid shared:10 master:3 - cgroup cgroup rw,memory
34 31 0:32 / /sys/fs/cgroup/systemd rw,nosuid - cgroup cgroup rw,xattr,name=systemd
`;
const v2Mounts = `23 1 0:22 / / rw - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate
`;

interface Case {
  title: string;
  mounts: string;
  membership: string;
  /** Directories by controller, the directory of v2, or nothing. */
  expected: Readonly<Record<string, string>> | string | undefined;
}

const cases: readonly Case[] = [
  {
    title: 'v1',
    mounts: v1Mounts,
    membership: '9:name=systemd:/ns/c1\n4:memory:/ns/c1\n2:cpu,cpuacct:/ns/c1\n',
    expected: {
      'name=systemd': '/sys/fs/cgroup/systemd/ns/c1',
      memory: '/sys/fs/cgroup/memory/ns/c1',
      cpu: '/sys/fs/cgroup/cpu,cpuacct/ns/c1',
      cpuacct: '/sys/fs/cgroup/cpu,cpuacct/ns/c1',
    },
  },
  { title: 'v2', mounts: v2Mounts, membership: '0::/ns/c1\n', expected: '/sys/fs/cgroup/ns/c1' },
  {
    title: 'hybrid: the controllers are where v1 has them',
    mounts: `${v1Mounts}35 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n`,
    membership: '4:memory:/ns/c1\n0::/ns/c1\n',
    expected: { memory: '/sys/fs/cgroup/memory/ns/c1' },
  },
  {
    title: 'v2 with a hierarchy of v1 that somebody has mounted beside it',
    mounts: `${v2Mounts}40 23 0:40 / /run/net_cls rw - cgroup net_cls rw,net_cls\n`,
    membership: '1:net_cls:/\n0::/ns/c1\n',
    expected: '/sys/fs/cgroup/ns/c1',
  },
  {
    title: 'in a container without a cgroup namespace, v1',
    mounts: v1Mounts.replace('/ /sys/fs/cgroup/memory', '/docker/abc /sys/fs/cgroup/memory'),
    membership: '4:memory:/docker/abc/ns/c1\n',
    expected: { memory: '/sys/fs/cgroup/memory/ns/c1' },
  },
  {
    title: 'in a container without a cgroup namespace, v2',
    mounts: v2Mounts.replace('/ /sys/fs/cgroup', '/docker/abc /sys/fs/cgroup'),
    membership: '0::/docker/abc/ns/c1\n',
    expected: '/sys/fs/cgroup/ns/c1',
  },
  {
    title: 'the very cgroup that is mounted',
    mounts: v2Mounts.replace('/ /sys/fs/cgroup', '/docker/abc /sys/fs/cgroup'),
    membership: '0::/docker/abc\n',
    expected: '/sys/fs/cgroup',
  },
  {
    title: 'a mount that shows another part, before the one that shows it',
    mounts: `${v1Mounts}36 23 0:31 / /mnt/memory rw - cgroup cgroup rw,memory\n`.replace(
      '/ /sys/fs/cgroup/memory',
      '/docker/ab /sys/fs/cgroup/memory',
    ),
    membership: '4:memory:/docker/abc\n',
    expected: { memory: '/mnt/memory/docker/abc' },
  },
  {
    title: 'a process outside of our cgroup namespace',
    mounts: v2Mounts.replace('/ /sys/fs/cgroup', '/.. /sys/fs/cgroup'),
    membership: '0::/../c1\n',
    expected: '/sys/fs/cgroup/c1',
  },
  {
    title: 'spaces in the mount point, colons and spaces in the path',
    mounts: v1Mounts.replace('/sys/fs/cgroup/memory', '/my\\040cgroups/a\\134b'),
    membership: '4:memory:/ns/a:b c\n',
    expected: { memory: '/my cgroups/a\\b/ns/a:b c' },
  },
  {
    title: 'one controller in the root: it counts the whole machine',
    mounts: v1Mounts,
    membership: '4:memory:/ns/c1\n2:cpu,cpuacct:/\n',
    expected: { memory: '/sys/fs/cgroup/memory/ns/c1' },
  },
  { title: 'v1, exiting', mounts: v1Mounts, membership: '9:name=systemd:/\n4:memory:/\n', expected: undefined },
  { title: 'v2, removed', mounts: v2Mounts, membership: '0::/ns/c1 (deleted)\n', expected: undefined },
  { title: 'a path that no mount shows', mounts: v1Mounts, membership: '4:pids:/ns/c1\n', expected: undefined },
  { title: 'no cgroups at all', mounts: '23 1 0:22 / / rw - ext4 /dev/vda rw\n', membership: '', expected: undefined },
  { title: 'cut off', mounts: `${v1Mounts}36 23 0:31`, membership: '4:mem', expected: undefined },
];

for (const { title, mounts, membership, expected } of cases) {
  test(`the cgroup is located: ${title}`, () => {
    const cgroup = locateCgroup(membership, mounts);
    assert.deepEqual(cgroup?.version === 1 ? Object.fromEntries(cgroup.directories) : cgroup?.directory, expected);
  });
}

test('a process that does not exist has no control groups', () => {
  const message = `there is no process ${2 ** 22 + 1}`;
  assert.throws(() => findCgroup(2 ** 22 + 1), { name: 'TermshimError', code: 'ERR_PROCESS_NOT_FOUND', message });
});

test('a process in the control group of this process has none of its own', (t) => {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  const message = `process ${child.pid} has no cgroup of its own`;
  assert.throws(() => findCgroup(child.pid as number), { code: 'ERR_PROCESS_NOT_FOUND', message });
});

test('v1 lists a process that has ended, and was not reaped, in the root', async (t) => {
  if (isV2) return;
  const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => parent.kill('SIGKILL'));
  const [pid] = (await once(parent.stdout, 'data')) as [Buffer];
  // A shell would wait for its child; what it becomes does not.
  await waitFor(() => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n', 'the shell to be no more');
  process.kill(Number(pid), 'SIGKILL');
  await waitFor(() => readEntry(Number(pid))?.state === 'Z', 'a zombie');
  const message = `process ${Number(pid)} has no cgroup of its own`;
  assert.throws(() => findCgroup(Number(pid)), { code: 'ERR_PROCESS_NOT_FOUND', message });
});

test('a cgroup that was removed, in whole or in part, has no metrics', (t) => {
  const directory = temporaryDirectory(t);
  const there: Cgroup = { version: 2, directory };
  const gone: Cgroup = { version: 2, directory: join(directory, 'gone') };
  const half: Cgroup = { version: 1, directories: new Map(Object.entries({ cpu: directory, pids: gone.directory })) };
  assert.deepEqual([there, gone, half].map(isCgroup), [true, false, false]);
  assert.equal(readMetrics(there).typeUrl, 'io.containerd.cgroups.v2.Metrics');
  for (const cgroup of [gone, half]) assert.throws(() => readMetrics(cgroup), { code: 'ERR_PROCESS_NOT_FOUND' });
});
