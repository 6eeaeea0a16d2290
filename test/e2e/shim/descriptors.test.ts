/**
 * The daemon serves many containers for a long time. What could break: a container inherits a descriptor of the daemon,
 * and so reads another console or keeps a FIFO open; or each exec leaves a descriptor open until there are none left.
 * Many terminals are open while the tested containers start, so that there is something to inherit.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runOnPty } from '../../helpers/sessions/pty-command.js';
import { startContainerd } from '../../helpers/shim/containerd.js';
import { execOf, runOf } from '../../helpers/shim/ctr.js';
import { openDescriptors } from '../../helpers/base/descriptors.js';
import { shellLine } from '../../helpers/sessions/terminal.js';
import { missing } from '../../helpers/base/requirement.js';
import { shimPath as shim } from '../../helpers/shim/shim.js';
import { daemonsOf } from '../../helpers/shim/shims.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';

const skip = missing('root', 'busybox', 'runc', 'containerd');

test('a container inherits only its own descriptors', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const ids = Array.from({ length: 4 }, () => testbed.newId());
  for (const [index, id] of ids.entries()) {
    const flags = index % 2 === 0 ? ['-d', '-t'] : ['-d'];
    const run = runOf(testbed, { shim, id, flags, script: 'exec sleep 1000' });
    await runOnPty(testbed, containerd.command(...run));
  }
  for (const [index, id] of ids.entries()) {
    const pid = Number(/\d+/.exec((await containerd.ask('tasks', 'ps', id)).split('\n')[1] ?? '')?.[0]);
    const [first, ...others] = openDescriptors(pid).map((it) => it.replace(/\d+\]$/, 'N]'));
    const own = index % 2 === 0 ? '/dev/pts/0' : 'pipe:[N]';
    assert.deepEqual(
      [first, ...others],
      [0, 1, 2].map((fd) => `${fd} -> ${own}`),
    );
    // That of the directory is the fourth.
    const listing = execOf(testbed, id, 'list', 'exec ls /proc/self/fd');
    assert.equal(await containerd.ask(...listing), '0\n1\n2\n3\n');
    const { shown } = await runOnPty(testbed, containerd.command(...listing, '-t'));
    assert.equal(shown.replaceAll(/\s+/g, ' '), '0 1 2 3 ');
  }
  await containerd.ask('tasks', 'rm', '--force', ...ids);
  await containerd.ask('containers', 'rm', ...ids);
});

test('200 execs on a terminal leave no descriptor open', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const id = testbed.newId();
  await containerd.ask(...runOf(testbed, { shim, id, flags: ['-d'], script: 'exec sleep 1000' }));
  const execs = async (from: number, to: number): Promise<void> => {
    const exec = shellLine(containerd.command(...execOf(testbed, id, 'exec-N', 'tty', '-t')));
    const line = exec.replace('exec-N', `exec-'$i'`);
    const script = `i=${from}; while [ $i -lt ${to} ]; do echo "no $i"; ${line} || exit; i=$((i + 1)); done`;
    const { shown, status } = await runOnPty(testbed, ['sh', '-c', script], 240_000);
    const answers = shown
      .split('no ')
      .slice(1)
      .map((it) => it.trim().split(/\s+/));
    assert.deepEqual(
      answers.filter(([, ...answer]) => answer.join() !== '/dev/pts/0'),
      [],
    );
    assert.deepEqual([answers.length, status], [to - from, 0]);
  };
  await execs(0, 2);
  const before = descriptorsOf(testbed);
  await execs(2, 202);
  assert.deepEqual(descriptorsOf(testbed), before);
  await containerd.ask('tasks', 'rm', '--force', id);
  await containerd.ask('containers', 'rm', id);
});

/** What the descriptors of the one daemon are, without the numbers. */
function descriptorsOf(testbed: Testbed): string[] {
  const daemons = daemonsOf(testbed);
  assert.equal(daemons.length, 1);
  return openDescriptors(daemons[0] as number)
    .map((it) => it.replace(/^\d+ -> /, '').replace(/\d+\]$/, 'N]'))
    .toSorted();
}
