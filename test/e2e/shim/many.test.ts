/**
 * One daemon serves many containers at the same time. What could break: two starts create two daemons, or none; a
 * create waits for another create or takes its console; the daemon ends while a container is being created. All
 * requests are sent in the same moment.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runOnPty } from '../../helpers/sessions/pty-command.js';
import { startContainerd } from '../../helpers/shim/containerd.js';
import { execOf, runOf } from '../../helpers/shim/ctr.js';
import { missing } from '../../helpers/base/requirement.js';
import { shimPath as shim } from '../../helpers/shim/shim.js';
import { daemonsOf } from '../../helpers/shim/shims.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';

/** 20 at once wait for each other where the machine has two processors, and other work. */
const timeoutMs = 90_000;
const skip = missing('root', 'busybox', 'runc', 'containerd');

test('20 containers are created, used and removed at the same time', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const ids = Array.from({ length: 20 }, () => testbed.newId());
  const script = 'exec sleep 1000';
  const acquireBoth = async (work: (id: string, index: number) => Promise<unknown>): Promise<void> => {
    const began = performance.now();
    await Promise.all(ids.map(work));
    t.diagnostic(`${(performance.now() - began).toFixed()} ms`);
  };
  const root = testbed.rootfs;
  assert.notEqual(root, '');
  await acquireBoth(async (id, index) => {
    const run = runOf(testbed, { shim, id, flags: index % 2 === 0 ? ['-d', '-t'] : ['-d'], script });
    assert.deepEqual(await runOnPty(testbed, containerd.command(...run), timeoutMs), { shown: '', status: 0 });
  });
  assert.equal(daemonsOf(testbed).length, 1);
  await acquireBoth(async (id) => {
    const exec = execOf(testbed, id, 'exec', `tty; cat /proc/1/cgroup; exit 5`, '-t');
    const { shown, status } = await runOnPty(testbed, containerd.command(...exec), timeoutMs);
    assert.equal(status, 5);
    assert.match(shown, new RegExp(`/${id}\\r`));
  });
  await acquireBoth(async (id) => {
    await containerd.ask('tasks', 'kill', '--signal', 'KILL', id);
    await containerd.ask('tasks', 'rm', '--force', id);
    await containerd.ask('containers', 'rm', id);
  });
});

test('20 short containers run at the same time, again and again', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const root = testbed.rootfs;
  assert.notEqual(root, '');
  const statuses = Array.from({ length: 20 }, (_, index) => index + 1);
  await Promise.all(
    statuses.map(async (status) => {
      const id = testbed.newId();
      for (let round = 0; round < 3; round++) {
        const run = runOf(testbed, { shim, id, flags: ['--rm', '-t'], script: `echo ${id}; exit ${status}` });
        const ended = await runOnPty(testbed, containerd.command(...run), timeoutMs);
        assert.deepEqual(ended, { shown: `${id}\r\r\n`, status });
      }
    }),
  );
});
