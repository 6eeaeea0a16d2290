/**
 * The log driver under containerd's own shim, which gives it arguments in a random order and no PATH, keeps the pipes open
 * until the task is deleted, and ends it with SIGTERM. What could break: a driver that waits for the end of a pipe, or ends
 * before it has read the last line; and whether others can read what it wrote, which Docker tells.
 */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { test } from 'node:test';
import { startContainerd } from '../helpers/containerd.js';
import { hasStatus, runOf } from '../helpers/ctr.js';
import { startDocker } from '../helpers/docker.js';
import { logFiles, outputOf, readAllLogs } from '../helpers/log-entries.js';
import { logDriverPath, openOutput, startDriver } from '../helpers/started-driver.js';
import { missing } from '../helpers/requirement.js';
import { shimPath } from '../helpers/shim.js';
import { runcShimPath } from '../helpers/shims.js';
import { openStage } from '../helpers/stage.js';

const skip = missing('root', 'busybox', 'runc', 'containerd');

test('ctr run --log-uri: with either shim every line, and the last ones when the task is deleted', {
  skip,
}, async (t) => {
  const stage = openStage(t);
  const containerd = await startContainerd(stage);
  const script = 'seq 20000; echo err >&2; printf "\\377 <q> no end"';
  const logs = [];
  for (const shim of [runcShimPath, shimPath]) {
    const path = stage.path(`logs/${logs.length}.log`);
    const uri = `binary://${logDriverPath}?log-path=${path}&max-size=10m&max-file=3`;
    // Three times, for the order of the arguments.
    for (let times = 0; times < 3; times++) {
      const id = stage.newId();
      await containerd.ask(...runOf(stage, { shim, id, flags: ['-d', '--log-uri', uri], script }));
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

test('a million lines, rotated: the newest are there, in order, none split, none twice', { skip }, async (t) => {
  const stage = openStage(t);
  const containerd = await startContainerd(stage);
  const path = stage.path('c.log');
  const uri = `binary://${logDriverPath}?log-path=${path}&max-size=1m&max-file=5`;
  const id = stage.newId();
  const awk = 'BEGIN { pad = sprintf("%97s", ""); for (i = 1; i <= 1000000; i++) print i substr(pad, 1, i % 97) }';
  const script = `exec /bin/busybox awk '${awk}'`;
  await containerd.ask(...runOf(stage, { shim: runcShimPath, id, flags: ['-d', '--log-uri', uri], script }));
  await hasStatus(containerd, id, 'STOPPED');
  await containerd.ask('tasks', 'rm', id);
  await containerd.ask('containers', 'rm', id);
  assert.deepEqual(logFiles(path), ['', '.1', '.2', '.3', '.4']);
  const lines = outputOf(readAllLogs('json-file', path), 'stdout').toString().split('\n').slice(0, -1);
  const expected = lines.map((_, at) => 1_000_000 - lines.length + 1 + at);
  assert.ok(lines.length > 20_000);
  assert.deepEqual(
    lines,
    expected.map((number) => `${number}${' '.repeat(number % 97)}`),
  );
});

test('docker logs reads what the driver wrote in its place', { skip: skip || missing('docker') }, async (t) => {
  const stage = openStage(t);
  const { ask, docker, image } = await startDocker(stage, shimPath);
  const rotation = ['--log-opt', 'max-size=80k', '--log-opt', 'max-file=4'];
  await ask('run', ...rotation, '--name', 'box', image, 'echo');
  const path = await ask('inspect', '--format', '{{.LogPath}}', 'box');
  const ours = stage.path('ours.log');
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
