/**
 * `termshim run --log` runs on real runtimes. What could break: the log lacks output that went to a terminal, to a
 * pipeline or to nobody, or has it in another order; the last output arrives after the exit; an invalid log is noticed
 * only when the container runs; a log driver that misbehaves ends the container, or stays behind. Each testbed uses the
 * real daemon, and proves that no process of a log driver is left.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { mountAll, unmountAll } from '../../../src/os/mount/mount-all.js';
import { packageRoot } from '../../../src/package.js';
import { runToEnd } from '../../helpers/base/command.js';
import { openDescriptors } from '../../helpers/base/descriptors.js';
import { writeProgram } from '../../helpers/runtime/fake-runtime.js';
import { openTerminal } from '../../helpers/sessions/terminal.js';
import { tmpfs } from '../../helpers/base/mounts.js';
import { outputOf, readGrowingLog, readLog } from '../../helpers/log/log-entries.js';
import {
  missingFor,
  runCommand,
  runtimeCommand,
  runtimeNames,
  termshimCommand,
} from '../../helpers/runtime/run-command.js';
import { openTestbed, type Testbed } from '../../helpers/e2e/testbed.js';
import { connectToDaemon } from '../../helpers/e2e/user-daemon.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const driverPath = join(packageRoot, 'bin/termshim-log-driver');

/** Its status, when it has ended; it is removed then. */
async function endOf(testbed: Testbed, id: string): Promise<number> {
  const { task } = await connectToDaemon(testbed);
  const { exitStatus } = await within(task.wait({ id }), 'the exit', 20_000);
  await task.delete({ id });
  return exitStatus;
}

for (const runtime of runtimeNames) {
  const skip = missingFor(runtime);
  const start = (testbed: Testbed, id: string, flags: readonly string[], script: string) =>
    runToEnd(runCommand(runtime, testbed, { id, flags, command: ['sh', '-c', script] }), { env: testbed.env });

  test(`${runtime}: run -d writes both streams to the log before the exit event, and logs shows them`, {
    skip,
  }, async (t) => {
    const testbed = openTestbed(t);
    const id = testbed.newId();
    const state = testbed.path('state');
    const env = { ...testbed.env, XDG_STATE_HOME: state };
    const command = ['sh', '-c', 'seq 20000; echo wrong >&2; exit 3'];
    const flags = ['-d', '--log', 'json-file'];
    assert.equal((await runToEnd(runCommand(runtime, testbed, { id, flags, command }), { env })).status, 0);
    const { stdout } = await runToEnd(termshimCommand('inspect', id, '--format', 'json'), { env: testbed.env });
    const path = (JSON.parse(stdout) as { session: { log: string } }).session.log;
    assert.equal(dirname(path), join(state, 'termshim'));
    assert.match(basename(path), new RegExp(`^${id}-\\d{8}T\\d{6}Z\\.log$`));
    assert.equal(await endOf(testbed, id), 3);
    const entries = readLog('json-file', path);
    const numbers = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join('');
    assert.equal(outputOf(entries, 'stdout').toString(), numbers);
    assert.equal(outputOf(entries, 'stderr').toString(), 'wrong\n');
    const shown = await runToEnd(termshimCommand('logs', path), { env: testbed.env });
    assert.deepEqual([shown.stdout, shown.stderr], [numbers, 'wrong\n']);
  });

  test(`${runtime}: run in a pipeline writes the same to its reader and to the log`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const path = testbed.path('log');
    const flags = ['--log', `cri://${path}`];
    const { stdout, stderr, status } = await start(
      testbed,
      testbed.newId(),
      flags,
      'seq 20000; echo wrong >&2; exit 3',
    );
    assert.deepEqual([stdout.length, stderr, status], [108_894, 'wrong\n', 3]);
    const entries = readLog('cri', path);
    assert.equal(outputOf(entries, 'stdout').toString(), stdout);
    assert.equal(outputOf(entries, 'stderr').toString(), stderr);
  });

  test(`${runtime}: run -it logs the whole session, through a detach and an attach`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const id = testbed.newId();
    const path = testbed.path('log');
    const script = 'stty -echo; echo up; while read -r line; do echo "got $line"; [ "$line" = bye ] && exit 4; done';
    const flags = ['-it', '--log', `json-file://${path}`];
    const terminal = openTerminal(testbed, runCommand(runtime, testbed, { id, flags, command: ['sh', '-c', script] }));
    await terminal.expect('up\r\n');
    terminal.type('one\r');
    await terminal.expect('got one\r\n');
    terminal.type('\x10\x11');
    assert.equal(await within(terminal.exited, 'the client to leave'), 0);
    const again = openTerminal(testbed, termshimCommand('attach', id));
    again.type('bye\r');
    await again.expect('got bye\r\n');
    assert.equal(await within(again.exited, 'the end'), 4);
    await waitFor(() => outputOf(readGrowingLog('json-file', path), 'stdout').includes('bye'), 'the log');
    assert.equal(outputOf(readLog('json-file', path), 'stdout').toString(), 'up\r\ngot one\r\ngot bye\r\n');
  });
}

const skip = missingFor('runc');
const run = (testbed: Testbed, id: string, flags: readonly string[], script: string) =>
  runToEnd(runCommand('runc', testbed, { id, flags, command: ['sh', '-c', script] }), { env: testbed.env });

test('a container without a terminal writes to a file target directly', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const id = testbed.newId();
  const path = testbed.path('new/file');
  await run(testbed, id, ['-d', '--log', `file://${path}`], 'echo out; echo err >&2; exec sleep 1000');
  await waitFor(() => readFileSync(path, 'utf8') === 'out\nerr\n', 'the output');
  const { task } = await connectToDaemon(testbed);
  const { pid } = await task.state({ id });
  assert.deepEqual(openDescriptors(pid).slice(1, 3), [`1 -> ${path}`, `2 -> ${path}`]);
  assert.equal(statSync(path).mode & 0o777, 0o644);
  await task.kill({ id, signal: 9 });
  assert.equal(await endOf(testbed, id), 137);
});

const driver = (program: string, settings = ''): string[] => ['-d', '--log', `binary://${program}${settings}`];

test('a log driver gets all output, and its end', { skip }, async (t) => {
  const testbed = openTestbed(t);
  for (const tty of [[], ['-t']]) {
    const id = testbed.newId();
    const path = testbed.path(`log${tty.length}`);
    const flags = [...tty, ...driver(driverPath, `?log-path=${path}&max-size=10m&max-file=3`)];
    const { stderr, status } = await run(testbed, id, flags, 'seq 20000; exit 3');
    assert.deepEqual([stderr, status], ['', 0]);
    assert.equal(await endOf(testbed, id), 3);
    const text = outputOf(readLog('json-file', path), 'stdout').toString();
    assert.equal(text.replaceAll('\r', '').length, 108_894);
  }
});

const failures = [
  ['dies before it is ready', 'echo no disk >&2; exit 3', /exit status 3; it said: no disk \[ERR_LOG_DRIVER_FAILED\]/],
  ['is never ready', 'echo waiting >&2; exec sleep 1000', /within 10 s; it said: waiting \[ERR_LOG_DRIVER_TIMEOUT\]/],
] as const;

for (const [name, script, message] of failures) {
  test(`run fails with the reason and creates no container if a log driver ${name}`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const { stderr, status } = await run(
      testbed,
      testbed.newId(),
      driver(writeProgram(testbed, 'driver', script)),
      'true',
    );
    assert.match(stderr, message);
    assert.equal(status, 1);
  });
}

test('a container ends normally if its log driver dies in a flood, whether the driver is restarted or not', {
  skip,
}, async (t) => {
  const testbed = openTestbed(t);
  testbed.letDaemonComplain();
  const script = `exec 5>&-; head -c 300000 <&3 >>'${testbed.path('out')}'; exit 1`;
  const flood = writeProgram(
    testbed,
    'driver',
    `[ -e '${testbed.path('out')}' ] && exec cat <&3 >/dev/null 5>&-; ${script}`,
  );
  const log = testbed.path('xdg/termshim/daemon.log');
  for (const [setting, words] of [
    ['', 'it is started again'],
    ['#on-exit=discard', 'the output is discarded from now on'],
  ] as const) {
    const id = testbed.newId();
    const path = writeProgram(testbed, 'dying', script);
    await run(testbed, id, driver(setting === '' ? flood : path, setting), 'yes | head -c 3000000; exit 5');
    assert.equal(await endOf(testbed, id), 5);
    assert.ok(readFileSync(log, 'utf8').includes(words), readFileSync(log, 'utf8'));
  }
});

test('a container waits for a log driver that reads a byte a second, and can be killed', { skip }, async (t) => {
  const testbed = openTestbed(t);
  testbed.letDaemonComplain();
  const slow = writeProgram(testbed, 'slow', 'exec 5>&-; while :; do head -c 1 <&3 >/dev/null || exit; sleep 1; done');
  const id = testbed.newId();
  await run(testbed, id, ['-t', ...driver(slow)], 'exec yes');
  const { task, sessions } = await connectToDaemon(testbed);
  await waitFor(
    async () => (await sessions.inspect({ id })).session?.waitingSince !== undefined,
    'the console to be seen to wait',
  );
  await task.kill({ id, signal: 9 });
  assert.equal(await endOf(testbed, id), 137);
});

/** A disk of its own. */
async function mountDisk(testbed: Testbed, option: string): Promise<string> {
  const place = testbed.path('disk');
  mkdirSync(place);
  await mountAll([tmpfs(option)], place);
  testbed.after(() => unmountAll(place));
  return place;
}

test('run creates no container if its log is in a read-only directory', { skip }, async (t) => {
  const testbed = openTestbed(t);
  const place = await mountDisk(testbed, 'ro');
  for (const scheme of ['json-file', 'cri', 'file']) {
    const { stderr, status } = await run(
      testbed,
      testbed.newId(),
      ['-d', '--log', `${scheme}://${place}/new/log`],
      'true',
    );
    assert.match(stderr, /read-only file system \(EROFS\) \[ERR_LOG_FAILED\]/);
    assert.equal(status, 1);
  }
});

test('a container goes on if the disk of its log is full, and the loss is reported', { skip }, async (t) => {
  const testbed = openTestbed(t);
  testbed.letDaemonComplain();
  const place = await mountDisk(testbed, 'size=100k');
  for (const scheme of ['json-file', 'cri', 'file']) {
    for (const tty of [[], ['-t']]) {
      const id = testbed.newId();
      const directory = join(place, id);
      mkdirSync(directory);
      await run(testbed, id, ['-d', ...tty, '--log', `${scheme}://${directory}/log`], 'seq 100000; exit 6');
      assert.equal(await endOf(testbed, id), 6);
      assert.ok(statSync(join(directory, 'log')).size <= 100 * 1024);
    }
  }
  const log = readFileSync(testbed.path('xdg/termshim/daemon.log'), 'utf8');
  assert.match(log, /no space left on device/);
});

/** Lines of 1 to 300 characters, each with its number. */
const million = "seq 1000000 | awk '{ printf \"%d %s\\n\", $1, substr(pad, 1, $1 % 293) }' pad=$(printf '%0300d' 0)";

/** The numbers of the lines in a log and its full files, oldest first. Each line must be whole. */
function numbersIn(log: string): number[] {
  const files = [4, 3, 2, 1].map((n) => `${log}.${n}`).concat(log);
  const lines = files.flatMap((file) =>
    outputOf(readLog('json-file', file), 'stdout').toString().trimEnd().split('\n'),
  );
  return lines.map((line) => {
    const [number = '', rest = ''] = line.split(' ');
    assert.equal(rest.length, Number(number) % 293, line);
    return Number(number);
  });
}

/** The number of a late line; 0 while the log is being rotated. */
function newestIn(log: string): number {
  try {
    const text = readFileSync(log, 'utf8');
    return Number(/"log":"(\d+) /.exec(text.slice(text.lastIndexOf('{"log":')))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

test('the newest of a million lines are all in the log after a SIGTERM to the daemon', {
  skip,
}, async (t) => {
  const testbed = openTestbed(t);
  const id = testbed.newId();
  const log = testbed.path('log');
  await run(testbed, id, ['-d', '--log', `json-file://${log}?max-size=1m&max-file=5`], million);
  const { task } = await connectToDaemon(testbed);
  const { shimPid } = await task.connect({ id });
  await waitFor(() => existsSync(`${log}.4`), 'the fifth file', 20_000);
  // The container gets SIGKILL 10 s after the SIGTERM, and a slow machine needs longer for all lines.
  await waitFor(() => newestIn(log) > 800_000, 'most of the lines', 60_000);
  process.kill(shimPid, 'SIGTERM');
  assert.equal(await endOf(testbed, id), 0);
  const numbers = numbersIn(log);
  assert.equal(numbers.at(-1), 1_000_000);
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => (numbers[0] ?? 0) + i),
  );
  assert.ok(numbers.length > 10_000);
});

test('after a kill of the daemon the log has at most one incomplete line, at its end', { skip }, async (t) => {
  const testbed = openTestbed(t);
  testbed.letDaemonComplain();
  const id = testbed.newId();
  const log = testbed.path('log');
  await run(testbed, id, ['-d', '--log', `json-file://${log}`], million);
  const { task } = await connectToDaemon(testbed);
  const { shimPid } = await task.connect({ id });
  await waitFor(() => existsSync(log) && statSync(log).size > 5_000_000, 'the log to grow', 20_000);
  process.kill(shimPid, 'SIGKILL');
  // Its pipe has broken.
  await waitFor(
    () => !testbed.processes().some(({ commandLine }) => commandLine.includes('awk')),
    'the container to end',
  );
  await runToEnd(runtimeCommand('runc', ['delete', '--force', id]), { env: testbed.env });
  // As it was when the daemon was killed.
  rmSync(testbed.path('xdg/termshim'), { recursive: true });
  const lines = outputOf(readGrowingLog('json-file', log), 'stdout').toString().trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => Number.parseInt(line, 10)),
    lines.map((_, i) => i + 1),
  );
});
