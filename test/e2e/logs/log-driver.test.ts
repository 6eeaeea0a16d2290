/**
 * The test starts the log driver with three descriptors, as a shim does. What could break: the driver reports that it
 * is ready before the log is open, or never; bytes stay in the pipes when a signal ends it; half an entry stays after a
 * kill; lines are lost, doubled or out of order when a file is full in the middle of a flood. A program writes a
 * million numbered lines while drivers are ended, killed and replaced.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runToEnd } from '../../helpers/base/command.js';
import { logFiles, outputOf, parseLog, readAllLogs, readLog } from '../../helpers/log/log-entries.js';
import { logDriverPath, openOutput, startDriver } from '../../helpers/log/driver-program.js';
import { missing } from '../../helpers/base/requirement.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const skip = missing('busybox');

/** Lines that have their number at either end and up to 150 bytes between, some of them more than an entry can have. */
function manyLines(count: number): string[] {
  const script = `BEGIN {
    pad = sprintf("%150s", ""); long = sprintf("%40000s", "");
    for (i = 0; i < ${count}; i++) print i, i % 10007 == 5 ? long : substr(pad, 1, i * 7 % 150), i
  }`;
  return ['/bin/busybox', 'awk', script];
}

/** The numbers of the lines that are whole, and how many are not. */
function numbersIn(bytes: Buffer): { numbers: number[]; brokenCount: number } {
  const lines = bytes.toString().split('\n').slice(0, -1);
  const numbers = lines.flatMap((line) => {
    const [, first, last] = /^(\d+) +(\d+)$/.exec(line) ?? [];
    return first !== undefined && first === last ? [Number(first)] : [];
  });
  return { numbers, brokenCount: lines.length - numbers.length };
}

const million = 1_000_000;
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, at) => from + at);

test('the driver writes the entries of two streams, and says that it is ready', async (t) => {
  const path = join(temporaryDirectory(t), 'logs/c.log');
  const output = openOutput(t);
  const driver = startDriver(t, output, ['max-size', '10m', 'log-path', path]);
  assert.deepEqual([...(await driver.ready)], [0]);
  assert.ok(existsSync(path));
  await output.run(['sh', '-c', 'echo "to stdout"; echo "to stderr" >&2; printf "\\377 and no end"']);
  output.end();
  assert.deepEqual(await driver.ended, { stdout: '', stderr: '', status: 0 });
  const entries = readLog('json-file', path).map(({ stream, bytes }) => `${stream}: ${bytes.toString()}`);
  assert.deepEqual(entries.toSorted(), ['stderr: to stderr\n', 'stdout: to stdout\n', 'stdout: \ufffd and no end']);
});

test('the newest of a million lines are kept whole, in order and once', { skip }, async (t) => {
  const path = join(temporaryDirectory(t), 'c.log');
  const output = openOutput(t);
  const driver = startDriver(t, output, ['max-file', '5', 'max-size', '1m', 'log-path', path]);
  await driver.ready;
  await output.run(manyLines(million));
  output.end();
  assert.deepEqual(await driver.ended, { stdout: '', stderr: '', status: 0 });
  assert.deepEqual(logFiles(path), ['', '.1', '.2', '.3', '.4']);
  for (const suffix of ['.1', '.2', '.3', '.4']) {
    const { size } = statSync(`${path}${suffix}`);
    assert.ok(size >= 1_000_000 && size < 1_020_000, `${suffix} has ${size} bytes`);
  }
  const { numbers, brokenCount } = numbersIn(outputOf(readAllLogs('json-file', path), 'stdout'));
  assert.ok(numbers.length > 15_000);
  assert.deepEqual(numbers, range(million - numbers.length, numbers.length));
  // The oldest entry may be the last part of a long line.
  assert.ok(brokenCount <= 1);
});

test('after SIGTERM the driver writes what is in the pipes, and the next driver continues where it ended', {
  skip,
}, async (t) => {
  const path = join(temporaryDirectory(t), 'c.log');
  const output = openOutput(t);
  const program = output.run(manyLines(million));
  let driver = startDriver(t, output, ['log-path', path]);
  await driver.ready;
  for (let times = 0; times < 3; times++) {
    const { size } = statSync(path);
    await waitFor(() => statSync(path).size > size, 'the log to grow');
    driver.child.kill('SIGTERM');
    assert.deepEqual(await driver.ended, { stdout: '', stderr: '', status: 0 });
    driver = startDriver(t, output, ['log-path', path]);
    await driver.ready;
  }
  await program;
  driver.child.kill('SIGTERM');
  assert.equal((await driver.ended).status, 0);
  const everything = { numbers: range(0, million), brokenCount: 0 };
  assert.deepEqual(numbersIn(outputOf(readLog('json-file', path), 'stdout')), everything);
});

test('SIGTERM before the driver has read anything loses nothing', async (t) => {
  const path = join(temporaryDirectory(t), 'c.log');
  const output = openOutput(t);
  const driver = startDriver(t, output, ['log-path', path]);
  await driver.ready;
  driver.child.kill('SIGSTOP');
  await output.run(['sh', '-c', 'printf "%60000s\n" out; printf "%60000s\n" err >&2']);
  driver.child.kill('SIGTERM');
  driver.child.kill('SIGCONT');
  assert.equal((await driver.ended).status, 0);
  const entries = readLog('json-file', path);
  for (const [stream, end] of [
    ['stdout', 'out\n'],
    ['stderr', 'err\n'],
  ] as const) {
    const bytes = outputOf(entries, stream);
    assert.equal(bytes.length, 60_001);
    assert.ok(bytes.toString().endsWith(end));
  }
});

test('SIGKILL leaves at most one incomplete entry, and the next driver cuts it off', { skip }, async (t) => {
  const [count, kills] = [600_000, 3];
  const path = join(temporaryDirectory(t), 'c.log');
  const output = openOutput(t);
  const program = output.run(manyLines(count));
  let driver = startDriver(t, output, ['log-path', path]);
  await driver.ready;
  for (let times = 0; times < kills; times++) {
    const { size } = statSync(path);
    await waitFor(() => statSync(path).size > size, 'the log to grow');
    driver.child.kill('SIGKILL');
    assert.equal((await driver.ended).status, 'SIGKILL');
    const left = readFileSync(path);
    parseLog('json-file', left.subarray(0, left.lastIndexOf('\n') + 1));
    driver = startDriver(t, output, ['log-path', path]);
    await driver.ready;
  }
  await program;
  output.end();
  assert.equal((await driver.ended).status, 0);
  // What a driver had taken and not written died with it; what is there is in order, and no line is doubled.
  const { numbers, brokenCount } = numbersIn(outputOf(readLog('json-file', path), 'stdout'));
  for (let at = 1; at < numbers.length; at++) assert.ok((numbers[at] as number) > (numbers[at - 1] as number));
  assert.equal(numbers.at(-1), count - 1);
  assert.ok(brokenCount <= kills);
});

test('SIGHUP makes the driver open the file at its path again, and no line is lost', async (t) => {
  const path = join(temporaryDirectory(t), 'c.log');
  const output = openOutput(t);
  const driver = startDriver(t, output, ['log-path', path]);
  await driver.ready;
  await output.run(['echo', 'before']);
  await waitFor(() => statSync(path).size > 0, 'the first line');
  renameSync(path, `${path}.moved`);
  driver.child.kill('SIGHUP');
  await waitFor(() => existsSync(path), 'the file to be made anew');
  await output.run(['echo', 'after']);
  output.end();
  assert.equal((await driver.ended).status, 0);
  const textsIn = (file: string): string => outputOf(readLog('json-file', file), 'stdout').toString();
  assert.deepEqual([textsIn(`${path}.moved`), textsIn(path)], ['before\n', 'after\n']);
});

test('the driver fails with one line and never reports that it is ready if the log or the arguments are wrong', async (t) => {
  const directory = temporaryDirectory(t);
  const output = openOutput(t);
  const rows = [
    [['log-path', directory], /^termshim: \S+ is not a regular file \[ERR_LOG_FAILED\]$/],
    [[], /^termshim: the log option "log-path": it is missing \[ERR_LOG_OPTION\]$/],
    [['log-path'], /^termshim: the log option "log-path" has no value \[ERR_LOG_OPTION\]$/],
    [['tag', '', 'log-path', '/x'], /^termshim: the log option "tag": it is unknown; .* \[ERR_LOG_OPTION\]$/],
  ] as const;
  for (const [args, expected] of rows) {
    const driver = startDriver(t, output, args);
    assert.equal((await driver.ready).length, 0);
    const { stderr, status } = await driver.ended;
    assert.equal(status, 1);
    assert.match(stderr.trimEnd(), expected);
  }
});

test('the driver without descriptors explains how it is started, and --help has examples', async () => {
  const bare = await runToEnd([logDriverPath, 'log-path', '/nowhere/c.log']);
  assert.equal(bare.status, 1);
  assert.match(
    bare.stderr,
    /^termshim: descriptor 3 is not open: a shim must start this program and pass stdout there; see --help /,
  );
  const help = await runToEnd([logDriverPath, '--help']);
  assert.equal(help.status, 0);
  assert.match(help.stdout, /\$ ctr run -d --log-uri "\$DRIVER\?log-path=/);
});
