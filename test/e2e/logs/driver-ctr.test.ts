/**
 * The log driver runs under containerd's own shim, which gives it arguments in a random order and no PATH, keeps the
 * pipes open until the task is deleted, and ends it with SIGTERM. What could break: the driver waits for the end of a
 * pipe, or ends before it has read the last line; or other readers, such as Docker, cannot read its files. Real tasks
 * write through it here, and the test reads every line again.
 */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { startContainerd } from '../../helpers/shim/containerd.js';
import { hasStatus, isGone, runOf } from '../../helpers/shim/ctr.js';
import { startDocker } from '../../helpers/shim/docker.js';
import { logFiles, outputOf, parseLog, readAllLogs } from '../../helpers/log/log-entries.js';
import { logDriverPath, openOutput, startDriver } from '../../helpers/log/driver-program.js';
import { missing } from '../../helpers/base/requirement.js';
import { shimPath } from '../../helpers/shim/shim.js';
import { daemonsOf, runcShimPath } from '../../helpers/shim/shims.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc', 'containerd');

test('the log driver keeps every line of ctr run --log-uri under either shim until the task is deleted', {
  skip,
}, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const script = 'seq 20000; echo err >&2; printf "\\377 <q> no end"';
  const logs = [];
  for (const shim of [runcShimPath, shimPath]) {
    const path = testbed.path(`logs/${logs.length}.log`);
    const uri = `binary://${logDriverPath}?log-path=${path}&max-size=10m&max-file=3`;
    // Three times, for the order of the arguments.
    for (let times = 0; times < 3; times++) {
      const id = testbed.newId();
      await containerd.ask(...runOf(testbed, { shim, id, flags: ['-d', '--log-uri', uri], script }));
      await hasStatus(containerd, id, 'STOPPED');
      await containerd.ask('tasks', 'rm', id);
      await containerd.ask('containers', 'rm', id);
    }
    const entries = readAllLogs('json-file', path);
    logs.push({ stdout: outputOf(entries, 'stdout').toString(), stderr: outputOf(entries, 'stderr').toString() });
  }
  const numbers = Array.from({ length: 20_000 }, (_, at) => `${at + 1}\n`).join('');
  const expected = { stdout: `${numbers}\ufffd <q> no end`.repeat(3), stderr: 'err\n'.repeat(3) };
  assert.deepEqual(logs, [expected, expected]);
});

/** Numbered from 1 on, of mixed length. */
function countTo(count: number): string {
  const awk = `BEGIN { pad = sprintf("%97s", ""); for (i = 1; i <= ${count}; i++) print i substr(pad, 1, i % 97) }`;
  return `exec /bin/busybox awk '${awk}'`;
}

const numbered = (number: number): string => `${number}${' '.repeat(number % 97)}`;

/** Where the log is written: by the driver, under containerd's shim, and in our own daemon. */
const writers = [
  ['the driver', runcShimPath, `binary://${logDriverPath}?log-path=`, '&'],
  ['the daemon', shimPath, 'json-file://', '?'],
] as const;

for (const [writer, shim, scheme, separator] of writers) {
  test(`the newest of a million lines written by ${writer} are kept whole, in order and once`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const containerd = await startContainerd(testbed);
    const [path, id, million] = [testbed.path('c.log'), testbed.newId(), 1_000_000];
    const flags = ['-d', '--log-uri', `${scheme}${path}${separator}max-size=1m&max-file=5`];
    await containerd.ask(...runOf(testbed, { shim, id, flags, script: countTo(million) }));
    if (shim === shimPath) {
      // It does not end our daemon, and nothing is lost.
      await waitFor(() => logFiles(path).length > 1, 'the first file to be full');
      for (const pid of daemonsOf(testbed)) process.kill(pid, 'SIGTERM');
    }
    await hasStatus(containerd, id, 'STOPPED', 60_000);
    await containerd.ask('tasks', 'rm', id);
    await containerd.ask('containers', 'rm', id);
    assert.deepEqual(logFiles(path), ['', '.1', '.2', '.3', '.4']);
    const lines = outputOf(readAllLogs('json-file', path), 'stdout').toString().split('\n').slice(0, -1);
    assert.ok(lines.length > 20_000);
    assert.deepEqual(
      lines,
      lines.map((_, at) => numbered(million - lines.length + 1 + at)),
    );
  });
}

test('after a kill of the daemon the log has all entries, but the last one may be cut off', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const [path, id] = [testbed.path('c.log'), testbed.newId()];
  const flags = ['-d', '--log-uri', `json-file://${path}`];
  await containerd.ask(...runOf(testbed, { shim: shimPath, id, flags, script: countTo(100_000_000) }));
  await waitFor(() => statSync(path).size > 5_000_000, 'some megabytes');
  for (const pid of daemonsOf(testbed)) process.kill(pid, 'SIGKILL');
  await isGone(containerd, id);
  await containerd.ask('containers', 'rm', id);
  const left = readFileSync(path);
  const entries = parseLog('json-file', left.subarray(0, left.lastIndexOf('\n') + 1));
  const lines = outputOf(entries, 'stdout').toString().split('\n').slice(0, -1);
  assert.deepEqual(
    lines,
    lines.map((_, at) => numbered(at + 1)),
  );
});

test("docker logs reads what the driver wrote in the place of Docker's own log", {
  skip: skip || missing('docker'),
}, async (t) => {
  const testbed = openTestbed(t);
  const { ask, docker, image } = await startDocker(testbed, shimPath);
  const rotation = ['--log-opt', 'max-size=80k', '--log-opt', 'max-file=4'];
  await ask('run', ...rotation, '--name', 'box', image, 'echo');
  const path = await ask('inspect', '--format', '{{.LogPath}}', 'box');
  const ours = testbed.path('ours.log');
  const output = openOutput(t);
  const options = ['log-path', ours, 'max-size', '80k', 'max-file', '4', 'compress', 'true'];
  const driver = startDriver(t, output, options);
  await driver.ready;
  await output.run(['sh', '-c', 'seq 3000; printf "%40000s\\nq\\"<&>\\377é\\033[m\\n" long; echo err >&2']);
  output.end();
  assert.equal((await driver.ended).status, 0);
  const suffixes = logFiles(ours);
  assert.deepEqual(suffixes, ['', '.1.gz', '.2.gz', '.3.gz']);
  for (const suffix of suffixes) copyFileSync(`${ours}${suffix}`, `${path}${suffix}`);
  const { stdout, stderr, status } = await docker(['logs', 'box']);
  assert.deepEqual([status, stderr], [0, 'err\n']);
  const numbers = Array.from({ length: 3000 }, (_, at) => `${at + 1}\n`).join('');
  assert.equal(stdout, `${numbers}${'long'.padStart(40_000)}\nq"<&>\ufffdé\x1b[m\n`);
  await ask('rm', 'box');
});
