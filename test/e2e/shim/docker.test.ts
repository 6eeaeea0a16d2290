/**
 * A Docker daemon finds the shim where it expects containerd-shim-runc-v2; Docker itself is unchanged. What could
 * break: Docker opens the FIFOs, waits and deletes in another order than ctr does; it attaches with a terminal that is
 * resized at once; its log must have every line; `docker stop` relies on the signal and then on the status; a health
 * check that is killed at its timeout leaves something behind, or blocks others.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { cgroupFile } from '../../helpers/runtime/cgroup.js';
import { startDocker } from '../../helpers/shim/docker.js';
import { openTerminal } from '../../helpers/sessions/terminal.js';
import { missing } from '../../helpers/base/requirement.js';
import { shimPath as shim } from '../../helpers/shim/shim.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc', 'containerd', 'docker');

const shell = ['env', 'PS1=inside$ ', 'sh'];

test('docker run -it, exec -it, detach and attach work', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const { command, ask, image } = await startDocker(testbed, shim);
  const size = { columns: 101, rows: 37 };
  const run = openTerminal(testbed, command('run', '-it', '--name', 'box', image, ...shell), size);
  await run.expect('inside$ ');
  run.type('tty; stty size\r');
  await run.expect('/dev/pts/0\r\n37 101\r\n');
  run.resize({ columns: 132, rows: 50 });
  await run.expect('inside$ ');
  run.type("sh -c 'while sleep 0.05; do stty size; done'\r");
  await run.expect('50 132\r\n');
  run.type('\x03');
  await run.expect('inside$ ');

  const exec = openTerminal(testbed, command('exec', '-it', 'box', ...shell));
  await exec.expect('inside$ ');
  exec.type('tty; exit 5\r');
  await exec.expect('/dev/pts/1\r\n');
  assert.equal(await within(exec.exited, 'the end of the exec'), 5);

  run.type('\x10\x11');
  assert.equal(await within(run.exited, 'docker to detach'), 0);
  const attach = openTerminal(testbed, command('attach', 'box'));
  attach.type('echo back $((6 * 7))\r');
  await attach.expect('back 42\r\n');
  attach.type('exit 7\r');
  assert.equal(await within(attach.exited, 'the end of the attach'), 7);
  assert.equal(await ask('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'box'), 'exited 7');
  await ask('rm', 'box');
});

test('docker run -d, logs, stop and start work', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const { ask, docker, image } = await startDocker(testbed, shim);
  const script = 'trap "echo stopped; exit 3" TERM; echo out; echo err >&2; while :; do sleep 0.02; done';
  await ask('run', '-d', '--name', 'plain', image, 'sh', '-c', script);
  await ask('run', '-d', '-t', '--name', 'tty', image, 'sh', '-c', script);
  const logsOf = async (name: string): Promise<string[]> => {
    const { stdout, stderr } = await docker(['logs', name]);
    return [stdout, stderr];
  };
  await waitFor(async () => (await logsOf('plain')).join('').length === 8, 'both lines of the log');
  await waitFor(async () => (await logsOf('tty')).join('').length === 10, 'both lines of the log of the terminal');
  await ask('stop', 'plain', 'tty');
  assert.deepEqual(await logsOf('plain'), ['out\nstopped\n', 'err\n']);
  assert.deepEqual(await logsOf('tty'), ['out\r\nerr\r\nstopped\r\n', '']);
  const state = ['inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}'];
  assert.equal(await ask(...state, 'plain', 'tty'), 'exited 3\nexited 3');

  await ask('start', 'plain');
  await ask('kill', 'plain');
  assert.equal(await ask('wait', 'plain'), '137');
  await ask('rm', 'plain', 'tty');
});

test('docker run without a terminal works in a pipeline, and reports statuses and commands that cannot run', {
  skip,
}, async (t) => {
  const testbed = openTestbed(t);
  const { docker, image } = await startDocker(testbed, shim);
  const run = ['run', '--rm', '-i', image];
  const piped = await docker([...run, 'sh', '-c', 'cat; echo err >&2; exit 3'], { input: 'in\n' });
  assert.deepEqual(piped, { stdout: 'in\n', stderr: 'err\n', status: 3 });
  const numbers = await docker([...run, 'seq', '100000']);
  assert.equal(numbers.stdout.length, 588_895);
  // Docker finds these two in the words of the runtime.
  assert.equal((await docker([...run, 'nonesuch'])).status, 127);
  assert.equal((await docker([...run, '/etc'])).status, 126);
});

test('docker pause, top, stats, update and a memory limit work', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const { ask, docker, image } = await startDocker(testbed, shim);
  await ask('run', '-d', '--name', 'box', image, 'sh', '-c', 'sleep 1000 & exec sleep 1001');
  await ask('pause', 'box');
  assert.equal(await ask('inspect', '--format', '{{.State.Status}}', 'box'), 'paused');
  await ask('unpause', 'box');
  assert.deepEqual((await ask('top', 'box', '-o', 'pid,args')).match(/sleep \d+/g), ['sleep 1001', 'sleep 1000']);
  assert.equal(await ask('stats', '--no-stream', '--format', '{{.PIDs}}', 'box'), '2');
  await ask('update', '--pids-limit', '77', 'box');
  const pid = Number(await ask('inspect', '--format', '{{.State.Pid}}', 'box'));
  assert.equal(readFileSync(cgroupFile(pid, 'pids', 'pids.max'), 'utf8'), '77\n');
  await ask('rm', '--force', 'box');

  const hungry = ['sh', '-c', 'x=0123456789abcdef; while :; do x=$x$x; done'];
  const { status } = await docker(['run', '--name', 'box', '--memory', '16m', image, ...hungry]);
  assert.equal(status, 137);
  // Docker knows it from the event of the shim.
  assert.equal(await ask('inspect', '--format', '{{.State.OOMKilled}}', 'box'), 'true');
  await ask('rm', 'box');
});

test('a health check whose timeout passes during its start leaves nothing behind, and the next one runs', {
  skip,
}, async (t) => {
  const testbed = openTestbed(t);
  const { ask, image } = await startDocker(testbed, shim);
  const check = ['--health-cmd', 'sleep 321', '--health-interval', '200ms', '--health-timeout', '20ms'];
  await ask('run', '-d', '--name', 'box', ...check, '--health-retries', '3', image, 'sleep', '1000');
  const health = '{{.State.Health.Status}}';
  const isUnhealthy = async () => (await ask('inspect', '--format', health, 'box')) === 'unhealthy';
  await waitFor(isUnhealthy, 'three checks to fail, one after the other', 60_000);
  const probes = (): number =>
    testbed.processes().filter(({ commandLine }) => commandLine.includes('sleep 321')).length;
  await waitFor(() => probes() <= 1, 'the probes to be gone', 10_000);
  await ask('rm', '--force', 'box');
});

test('health checks that are killed while their output is read do not block exec', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const { ask, command, docker, image } = await startDocker(testbed, shim);
  const check = ['--health-cmd', 'sleep 321 & sleep 322', '--health-interval', '1s', '--health-timeout', '1s'];
  await ask('run', '-d', '--name', 'box', ...check, '--health-retries', '2', image, 'sleep', '1000');
  const isFine = async (): Promise<void> => {
    const answer = await docker(['exec', 'box', 'echo', 'fine'], { timeoutMs: 8000 });
    assert.deepEqual(answer, { stdout: 'fine\n', stderr: '', status: 0 });
  };
  const health = async () => JSON.parse(await ask('inspect', '--format', '{{json .State.Health}}', 'box')) as Health;
  await waitFor(async () => (await health()).Status === 'unhealthy', 'two checks to fail', 20_000);
  const [program = '', ...args] = command('exec', 'box', 'sleep', '323');
  const client = spawn(program, args, { env: testbed.env, stdio: 'ignore' });
  const probes = (): string[] => testbed.processes().map(({ commandLine }) => commandLine);
  await waitFor(() => probes().includes('sleep 323'), 'the exec to run');
  client.kill('SIGKILL');
  // Docker looks at the exits in a container one after the other, so what each costs adds up.
  const { FailingStreak: before } = await health();
  while ((await health()).FailingStreak < before + 4) await isFine();
  await isFine();
  await ask('rm', '--force', 'box');
});

interface Health {
  Status: string;
  FailingStreak: number;
}
