/**
 * containerd may be killed and restarted at any time: the container, its console and its exit status must survive in
 * the daemon of the shim. If that daemon is killed, its containers are lost: containerd must be told so (137, by
 * `delete`, without a daemon), and no mount, file or process may stay. The tests kill each of them and compare.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { runOnPty } from '../../helpers/sessions/pty-command.js';
import { startContainerd } from '../../helpers/shim/containerd.js';
import { execOf, fifosIn, isGone, listenToEvents, runOf, statusOf } from '../../helpers/shim/ctr.js';
import { openTerminal } from '../../helpers/sessions/terminal.js';
import { importImage } from '../../helpers/runtime/image.js';
import { missing } from '../../helpers/base/requirement.js';
import { shimPath as shim } from '../../helpers/shim/shim.js';
import { daemonsOf, runcShimPath } from '../../helpers/shim/shims.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc', 'containerd');

const answering = 'stty -echo; while read line; do echo "got $line"; [ "$line" = bye ] && exit 9; done';

test('the container, its console and its status survive a kill and restart of containerd', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const id = testbed.newId();
  const run = runOf(testbed, { shim, id, flags: ['-d', '-t'], script: answering });
  await runOnPty(testbed, containerd.command(...run));
  const before = openTerminal(testbed, containerd.command('tasks', 'attach', id));
  before.type('before\n');
  await before.expect('got before\r');
  const tasks = await containerd.ask('tasks', 'ls');
  // A client that sees containerd go removes the FIFOs.
  before.leave();
  await within(before.exited, 'the client to leave');
  await containerd.kill();
  await containerd.start();
  assert.equal(await containerd.ask('tasks', 'ls'), tasks);

  const after = openTerminal(testbed, containerd.command('tasks', 'attach', id));
  after.type('after\n');
  await after.expect('got after\r');
  assert.equal((await containerd.ctr(...execOf(testbed, id, 'e1', 'exit 5'))).status, 5);
  after.type('bye\n');
  await after.expect('got bye\r');
  assert.equal(await within(after.exited, 'the end of the attach'), 9);
  await containerd.ask('containers', 'rm', id);
});

/** containerd 2 removes such a task when it comes back; before, it is there with its status. */
test("a container that ends while containerd is away is reported as by containerd's shim", {
  skip,
}, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const [ends, stays, usual] = [testbed.newId(), testbed.newId(), testbed.newId()];
  await containerd.ask(...runOf(testbed, { shim, id: stays, flags: ['-d'], script: 'exec sleep 1000' }));
  const script = 'while ! [ -e /tmp/end ]; do sleep 0.02; done; exit 9';
  await containerd.ask(...runOf(testbed, { shim, id: ends, flags: ['-d'], script }));
  await containerd.ask(...runOf(testbed, { shim: runcShimPath, id: usual, flags: ['-d'], script }));
  await containerd.kill();
  const isThere = (): boolean => testbed.processes().some(({ commandLine }) => commandLine.includes('/tmp/end'));
  assert.ok(isThere());
  writeFileSync(`${testbed.rootfs}/tmp/end`, '');
  await waitFor(() => !isThere(), 'the container to end');
  await containerd.start();
  const status = await statusOf(containerd, usual);
  assert.equal(await statusOf(containerd, ends), status);
  assert.equal(await statusOf(containerd, stays), 'RUNNING');
  // containerd hears of the exit before anybody can listen there; test/daemon/publisher.test.ts has that event.
  if (status === undefined) for (const id of [ends, usual]) await isGone(containerd, id);
  else {
    assert.equal(status, 'STOPPED');
    for (const id of [ends, usual]) {
      assert.match((await containerd.ctr('tasks', 'rm', id)).stderr, /non-zero exit code 9"/);
    }
  }
  await containerd.ask('tasks', 'rm', '--force', stays);
  await containerd.ask('containers', 'rm', ends, stays, usual);
});

test('after a kill of the daemon `delete` cleans up, and containerd reports 137', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const events = await listenToEvents(testbed, containerd);
  const image = await importImage(testbed, containerd, 'overlayfs');
  const ids = [testbed.newId(), testbed.newId()];
  for (const id of ids) {
    const flags = ['-d', '-t', ...fifosIn(testbed), '--runtime', shim, '--snapshotter', 'overlayfs'];
    const run = containerd.command('run', ...flags, image, id, 'sh', '-c', answering);
    assert.equal((await runOnPty(testbed, run)).status, 0);
  }
  const attached = openTerminal(testbed, containerd.command('tasks', 'attach', ids[0] as string));
  attached.type('here\n');
  await attached.expect('got here\r');
  for (const pid of daemonsOf(testbed)) process.kill(pid, 'SIGKILL');
  for (const id of ids) {
    await events.expect('/tasks/exit', { container_id: id, id, exit_status: 137 });
    await events.expect('/tasks/delete', { container_id: id, exit_status: 137 });
    await isGone(containerd, id);
    await containerd.ask('containers', 'rm', id);
  }
  await within(attached.exited, 'the client to notice');

  // And the next one has a daemon of its own.
  const next = runOf(testbed, { shim, id: ids[0] as string, flags: ['--rm'], script: 'exit 3' });
  assert.equal((await containerd.ctr(...next)).status, 3);
});

test('containerd cleans up at its start if the daemon was killed meanwhile', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const id = testbed.newId();
  await containerd.ask(...runOf(testbed, { shim, id, flags: ['-d'], script: 'exec sleep 1000' }));
  await containerd.kill();
  for (const pid of daemonsOf(testbed)) process.kill(pid, 'SIGKILL');
  await containerd.start();
  await isGone(containerd, id);
  await containerd.ask('containers', 'rm', id);
});

for (const [grouping, share] of [
  ['container', []],
  ['pod', ['--annotation', 'io.kubernetes.cri.sandbox-id=SHARED']],
] as const) {
  test(`TERMSHIM_GROUP=${grouping}: a crash of the daemon ends only the containers of its own group`, {
    skip,
  }, async (t) => {
    const testbed = openTestbed(t);
    const containerd = await startContainerd(testbed, { ...testbed.env, TERMSHIM_GROUP: grouping });
    const [first, second, other] = [testbed.newId(), testbed.newId(), testbed.newId()] as const;
    const runIn = async (id: string, pod: string): Promise<void> => {
      const flags = ['-d', ...share.map((word) => word.replace('SHARED', pod))];
      await containerd.ask(...runOf(testbed, { shim, id, flags, script: 'exec sleep 1000' }));
    };
    await runIn(first, first);
    const [daemon = 0] = daemonsOf(testbed);
    await runIn(second, first);
    await runIn(other, other);
    assert.equal(daemonsOf(testbed).length, grouping === 'pod' ? 2 : 3);
    process.kill(daemon, 'SIGKILL');
    await isGone(containerd, first);
    if (grouping === 'pod') await isGone(containerd, second);
    else assert.equal(await statusOf(containerd, second), 'RUNNING');
    assert.equal(await statusOf(containerd, other), 'RUNNING');
    await containerd.ask('tasks', 'rm', '--force', other, ...(grouping === 'pod' ? [] : [second]));
    await containerd.ask('containers', 'rm', first, second, other);
  });
}
