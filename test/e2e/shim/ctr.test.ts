/**
 * The shim runs under a real containerd, driven by ctr. What could break: ctr attaches to the wrong console, an exit
 * status or an event is lost or comes too early, the last output is missing, or something of a container stays on the
 * machine. Each test has a containerd of its own, whose testbed proves that no bundle, FIFO, socket, mount, container
 * or process is left.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runOnPty } from '../../helpers/sessions/pty-command.js';
import { runToEnd } from '../../helpers/base/command.js';
import { startContainerd } from '../../helpers/shim/containerd.js';
import { execOf, fifosIn, hasStatus, listenToEvents, runOf, statusOf } from '../../helpers/shim/ctr.js';
import { containersIn, crunCommand } from '../../helpers/runtime/crun-command.js';
import { writeProgram } from '../../helpers/runtime/fake-runtime.js';
import { shellLine, openTerminal } from '../../helpers/sessions/terminal.js';
import { importImage } from '../../helpers/runtime/image.js';
import { missing } from '../../helpers/base/requirement.js';
import { shimPath as shim } from '../../helpers/shim/shim.js';
import { environmentWithShim } from '../../helpers/shim/shims.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc', 'containerd');

/** Answers each line, until one is a number: its exit status. */
const answering = `stty -echo; while read line; do
  case $line in [0-9]*) echo bye; exit $line;; *) echo "got $line";; esac
done`;

test('ctr run --rm -t shows the terminal and exits with the status of the process', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const id = testbed.newId();
  const run = runOf(testbed, { shim, id, flags: ['--rm', '-t'], script: 'tty; exit 3' });
  assert.deepEqual(await runOnPty(testbed, containerd.command(...run)), {
    shown: '/dev/pts/0\r\r\n',
    status: 3,
  });
  assert.equal(await containerd.ask('containers', 'ls', '-q'), '');
});

test('ctr works on a detached terminal: attach, exec -t, pause, resume, ps, metrics and kill', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const id = testbed.newId();
  const run = containerd.command(...runOf(testbed, { shim, id, flags: ['-d', '-t'], script: answering }));
  assert.deepEqual(await runOnPty(testbed, run), { shown: '', status: 0 });
  assert.equal(await statusOf(containerd, id), 'RUNNING');

  const attached = openTerminal(testbed, containerd.command('tasks', 'attach', id), { columns: 101, rows: 37 });
  attached.type('one\n');
  await attached.expect('got one\r');

  // The size that is there already, or else the one that comes.
  const script = 'tty; trap "stty size" WINCH; stty size; while :; do sleep 0.02; done';
  const exec = openTerminal(testbed, containerd.command(...execOf(testbed, id, 'second', script, '-t')), {
    columns: 90,
    rows: 20,
  });
  await exec.expect('/dev/pts/1\r');
  await exec.expect('20 90\r');
  exec.resize({ columns: 132, rows: 50 });
  await exec.expect('50 132\r');
  const processes = await containerd.ask('tasks', 'ps', id);
  assert.match(processes, /^PID +INFO\n(\d+ +-\n)+\d+ +(&ProcessDetails{ExecID:second,|exec_id:"second")/);
  exec.type('\x03');
  assert.equal(await within(exec.exited, 'the end of the exec'), 130);

  await containerd.ask('tasks', 'pause', id);
  assert.equal(await statusOf(containerd, id), 'PAUSED');
  attached.type('two\n');
  await containerd.ask('tasks', 'resume', id);
  await attached.expect('got two\r');
  assert.equal(await statusOf(containerd, id), 'RUNNING');

  assert.match(await containerd.ask('tasks', 'metrics', id), /\npids\.current +1 *\n/);
  await containerd.ask('tasks', 'kill', '--signal', 'KILL', id);
  assert.equal(await within(attached.exited, 'the end of the attach'), 137);
  // Whoever was attached has deleted the task.
  assert.equal(await statusOf(containerd, id), undefined);
  await containerd.ask('containers', 'rm', id);
});

test('a second ctr attach shows the console as the first left it', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const id = testbed.newId();
  await runOnPty(testbed, containerd.command(...runOf(testbed, { shim, id, flags: ['-d', '-t'], script: answering })));
  for (const word of ['first', 'second', 'last']) {
    const attached = openTerminal(testbed, containerd.command('tasks', 'attach', id));
    attached.type(`${word}\n`);
    await attached.expect(`got ${word}\r`);
    if (word !== 'last') attached.leave();
    else attached.type('9\n');
    assert.equal(await within(attached.exited, 'the client to leave'), word === 'last' ? 9 : 129);
  }
  await containerd.ask('containers', 'rm', id);
});

test('ctr run without a terminal keeps stdout and stderr apart, and its stdin ends', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const run = (script: string): string[] =>
    containerd.command(...runOf(testbed, { shim, id: testbed.newId(), flags: ['--rm'], script }));
  const apart = await runToEnd(run('echo out; echo err >&2; tty; exit 3'), { env: testbed.env });
  assert.deepEqual(apart, { stdout: 'out\nnot a tty\n', stderr: 'err\n', status: 3 });

  const input = randomBytes(1024 * 1024);
  const { stdout } = await runToEnd(run('sha256sum'), { env: testbed.env, input });
  assert.equal(stdout.split(' ')[0], createHash('sha256').update(input).digest('hex'));

  const numbers = await runToEnd(run('seq 100000; echo last >&2'), { env: testbed.env });
  assert.equal(numbers.stdout.length, 588_895);
  assert.ok(numbers.stdout.endsWith('\n100000\n'));
  assert.equal(numbers.stderr, 'last\n');
});

test('the last output of a short command on a terminal is never lost', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const id = testbed.newId();
  const run = runOf(testbed, { shim, id, flags: ['--rm', '-t'], script: 'stty raw; seq 1000; echo the end' });
  for (let round = 0; round < 5; round++) {
    const { shown } = await runOnPty(testbed, containerd.command(...run));
    assert.ok(shown.endsWith('1000\r\nthe end\r\n'), shown.slice(-100));
  }
});

for (const snapshotter of ['overlayfs', 'native']) {
  test(`${snapshotter}: the root filesystem of an image is mounted as long as the task exists`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const containerd = await startContainerd(testbed);
    const image = await importImage(testbed, containerd, snapshotter);
    const id = testbed.newId();
    const script = 'echo written >/tmp/file; exec sleep 1000';
    const flags = ['-d', ...fifosIn(testbed), '--runtime', shim, '--snapshotter', snapshotter];
    await containerd.ask('run', ...flags, image, id, 'sh', '-c', script);
    const rootfs = `${containerd.bundleOf(id)}/rootfs`;
    await waitFor(() => existsSync(`${rootfs}/tmp/file`), 'the container to write');
    assert.equal(existsSync(`${testbed.rootfs}/tmp/file`), false);
    await containerd.ask('tasks', 'rm', '--force', id);
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    assert.equal(mounts.includes(rootfs), false, 'the root filesystem is still mounted');
    await containerd.ask('containers', 'rm', id);
  });
}

test("our shim under the name of containerd's uses another runtime with another root", {
  skip: skip || missing('crun'),
}, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed, environmentWithShim(testbed, shim));
  const crun = writeProgram(testbed, 'my-crun', `exec ${shellLine(crunCommand(['crun']))} "$@"`);
  const root = testbed.path('runtime-root');
  const [id, usual] = [testbed.newId(), 'io.containerd.runc.v2'];
  const flags = ['-d', '--runc-binary', crun, '--runc-root', root];
  await containerd.ask(...runOf(testbed, { shim: usual, id, flags, script: 'exec sleep 1000' }));
  const place = join(root, containerd.namespace);
  assert.deepEqual(containersIn(place), [id]);
  assert.equal((await containerd.ctr(...execOf(testbed, id, 'exec', 'exit 5'))).status, 5);
  await containerd.ask('tasks', 'rm', '--force', id);
  assert.deepEqual(containersIn(place), []);
  await containerd.ask('containers', 'rm', id);
});

test('events come in the order that containerd requires', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const events = await listenToEvents(testbed, containerd);
  const id = testbed.newId();
  await containerd.ask(
    ...runOf(testbed, { shim, id, flags: ['-d'], script: 'trap "exit 9" TERM; while :; do sleep 0.02; done' }),
  );
  assert.equal((await containerd.ctr(...execOf(testbed, id, 'short', 'exit 5'))).status, 5);
  const none = ['tasks', 'exec', ...fifosIn(testbed), '--exec-id', 'none', id, 'nonesuch'];
  assert.equal((await containerd.ctr(...none)).status, 1);
  await containerd.ask(...execOf(testbed, id, 'long', 'exec sleep 1000', '-d'));
  await containerd.ask('tasks', 'pause', id);
  await containerd.ask('tasks', 'resume', id);
  await containerd.ask('tasks', 'kill', id);
  await hasStatus(containerd, id, 'STOPPED');
  assert.equal((await containerd.ctr('tasks', 'rm', id)).status, 0);
  await containerd.ask('containers', 'rm', id);
  await events.expect('/tasks/delete', { container_id: id });
  const told = events.of(id).map((event) => [event.topic, event['id'] ?? event['exec_id'], event['exit_status']]);
  assert.deepEqual(told, [
    ['/tasks/create', undefined, undefined],
    ['/tasks/start', undefined, undefined],
    ['/tasks/exec-added', 'short', undefined],
    ['/tasks/exec-started', 'short', undefined],
    ['/tasks/exit', 'short', 5],
    ['/tasks/exec-added', 'none', undefined],
    ['/tasks/exec-added', 'long', undefined],
    ['/tasks/exec-started', 'long', undefined],
    ['/tasks/paused', undefined, undefined],
    ['/tasks/resumed', undefined, undefined],
    ['/tasks/exit', 'long', 137],
    ['/tasks/exit', id, 9],
    ['/tasks/delete', undefined, 9],
  ]);
});

test('only the first start executes Node', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const calls = testbed.path('calls');
  const node = writeProgram(testbed, 'node', `echo "$*" >>'${calls}'; exec '${process.execPath}' "$@"`);
  const containerd = await startContainerd(testbed, { ...testbed.env, TERMSHIM_NODE: node });
  const [stays, goes] = [testbed.newId(), testbed.newId()];
  await containerd.ask(...runOf(testbed, { shim, id: stays, flags: ['-d'], script: 'exec sleep 1000' }));
  const short = runOf(testbed, { shim, id: goes, flags: ['--rm'], script: 'exit 3' });
  assert.equal((await containerd.ctr(...short)).status, 3);
  const none = ['run', '--rm', ...fifosIn(testbed), '--runtime', shim, '--rootfs', testbed.rootfs, goes, 'nonesuch'];
  assert.equal((await containerd.ctr(...none)).status, 1);
  await containerd.ask('tasks', 'rm', '--force', stays);
  await containerd.ask('containers', 'rm', stays);
  const verbs = readFileSync(calls, 'utf8').match(/\S+$/gm);
  assert.deepEqual(verbs, ['start']);
});
