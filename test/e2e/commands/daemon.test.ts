/**
 * The commands find or start the daemon of a user, or a user runs it in the foreground. What could break: two commands
 * start two daemons, the socket of a dead daemon is in the way, a daemon that cannot start says nothing, a daemon that
 * was asked to end takes containers with it or never ends. Real commands run in a runtime directory of their own; the
 * testbed stops what runs, and proves that nothing stays.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { addon } from '../../../src/native/addon.js';
import { check } from '../../../src/errors/errors.js';
import { createFifo } from '../../../src/os/fifo.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { packageRoot } from '../../../src/package.js';
import { outcomeOf, runToEnd } from '../../helpers/base/command.js';
import { makeBundle } from '../../helpers/runtime/bundle.js';
import { fakeRuntime } from '../../helpers/runtime/fake-runtime.js';
import { openTerminal } from '../../helpers/sessions/terminal.js';
import { missing } from '../../helpers/base/requirement.js';
import { runCommand, termshimCommand } from '../../helpers/runtime/run-command.js';
import { type LivingProcess } from '../../helpers/e2e/leftovers.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const pty = (testbed: Testbed, ...command: string[]) => runCommand('pty', testbed, { command });

function directoryOf(testbed: Testbed): string {
  return `${testbed.env['XDG_RUNTIME_DIR']}/termshim`;
}

/** Those that a command has started. */
function daemons(testbed: Testbed): LivingProcess[] {
  return testbed.processes().filter(({ commandLine }) => commandLine.includes('--namespace termshim'));
}

function stop(testbed: Testbed) {
  return runToEnd(termshimCommand('daemon', '--stop'), { env: testbed.env });
}

interface Foreground {
  child: ChildProcess;
  /** The line that it printed. */
  said: { socket: string };
  outcome: ReturnType<typeof outcomeOf>;
}

async function startForeground(
  testbed: Testbed,
  command: readonly string[],
  stdio: number[] = [],
): Promise<Foreground> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env: testbed.env, stdio: ['ignore', 'pipe', 'pipe', ...stdio] });
  testbed.after(() => child.kill('SIGKILL'));
  const outcome = outcomeOf(child);
  let text = '';
  child.stdout?.on('data', (data: Buffer) => (text += data.toString()));
  await waitFor(() => text.endsWith('\n'), 'the daemon to serve');
  return { child, said: JSON.parse(text) as { socket: string }, outcome };
}

test('several runs at the same time start one daemon, in a directory that only the user can enter', async (t) => {
  const testbed = openTestbed(t);
  const runs = Array.from({ length: 6 }, (_, index) =>
    runToEnd(pty(testbed, 'echo', `${index}`), { env: testbed.env }),
  );
  const outputs = (await Promise.all(runs)).map(({ stdout }) => stdout);
  assert.deepEqual(outputs, ['0\n', '1\n', '2\n', '3\n', '4\n', '5\n']);
  assert.equal(daemons(testbed).length, 1);
  assert.equal(lstatSync(directoryOf(testbed)).mode & 0o777, 0o700);
  assert.equal(lstatSync(`${directoryOf(testbed)}/daemon.sock`).mode & 0o777, 0o600);
  assert.deepEqual(await stop(testbed), { stdout: '', stderr: '', status: 0 });
  await waitFor(() => testbed.leftovers().length === 0, 'nothing to be left');
});

test('a daemon that was killed is replaced', async (t) => {
  const testbed = openTestbed(t);
  await runToEnd(pty(testbed, 'true'), { env: testbed.env });
  const [first] = daemons(testbed);
  process.kill(first?.pid ?? 0, 'SIGKILL');
  await waitFor(() => daemons(testbed).length === 0, 'the daemon to be gone');
  const none = await stop(testbed);
  assert.match(none.stderr, /^termshim: no daemon is running[^\n]* \[ERR_NO_DAEMON\]\n$/);
  assert.equal(none.status, 1);
  assert.equal((await runToEnd(pty(testbed, 'echo', 'again'), { env: testbed.env })).stdout, 'again\n');
});

test('a daemon that has a container does not stop', async (t) => {
  const testbed = openTestbed(t);
  const id = testbed.newId();
  const command = runCommand('pty', testbed, { flags: ['-d'], id, command: ['sleep', '1000'] });
  await runToEnd(command, { env: testbed.env });
  const { stderr, status } = await stop(testbed);
  assert.equal(
    stderr,
    `termshim: the daemon has a container (${id}) and does not stop; --stop --force ends and removes them first [ERR_DAEMON_BUSY]\n`,
  );
  assert.equal(status, 1);
  await runToEnd(termshimCommand('delete', '-f', id), { env: testbed.env });
  assert.equal((await stop(testbed)).status, 0);
});

/** The command of a container that says in a file that it got SIGTERM, and exits then. */
const orderly = (file: string) => ['sh', '-c', `trap 'echo ended >${file}; exit 0' TERM; while :; do sleep 0.1; done`];

test('--stop --force ends the containers in good order, and then the daemon', async (t) => {
  const testbed = openTestbed(t);
  const file = testbed.path('ended');
  for (const command of [orderly(file), ['sleep', '1000']]) {
    await runToEnd(runCommand('pty', testbed, { flags: ['-d'], command }), { env: testbed.env });
  }
  const { stderr, status } = await runToEnd(termshimCommand('daemon', '--stop', '--force'), { env: testbed.env });
  assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
  assert.equal(readFileSync(file, 'utf8'), 'ended\n');
  assert.deepEqual(testbed.leftovers(), []);
});

test('SIGTERM ends a daemon in the background and its containers in good order', async (t) => {
  const testbed = openTestbed(t);
  const file = testbed.path('ended');
  await runToEnd(runCommand('pty', testbed, { flags: ['-d'], command: orderly(file) }), { env: testbed.env });
  const [{ pid } = { pid: 0 }] = daemons(testbed);
  process.kill(pid, 'SIGTERM');
  await waitFor(() => testbed.leftovers().length === 0, 'the daemon to end');
  assert.equal(readFileSync(file, 'utf8'), 'ended\n');
});

test('SIGTERM ends a daemon in the foreground, and a container that ignores SIGTERM is killed', async (t) => {
  const testbed = openTestbed(t);
  const { child, outcome } = await startForeground(testbed, termshimCommand('daemon'));
  const deaf = ['sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done'];
  await runToEnd(runCommand('pty', testbed, { flags: ['-d'], command: deaf }), { env: testbed.env });
  const askedAt = performance.now();
  child.kill('SIGTERM');
  const { stderr, status } = await within(outcome, 'the daemon to end', 30_000);
  assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
  assert.ok(performance.now() - askedAt >= 9000, 'the container had no 10 s to end');
});

test('a daemon that a command has started ends 10 minutes after its last use, unless TERMSHIM_IDLE_EXIT is never', async (t) => {
  for (const [setting, wanted] of [
    ['', /--idle-exit 600( |$)/],
    ['never', /^(?!.*--idle-exit)/],
  ] as const) {
    const testbed = openTestbed(t);
    const env = { ...testbed.env, TERMSHIM_IDLE_EXIT: setting };
    await runToEnd(pty(testbed, 'true'), { env });
    assert.match(daemons(testbed)[0]?.commandLine ?? 'no daemon', wanted);
  }
});

test('a daemon that cannot start says why', async (t) => {
  const testbed = openTestbed(t);
  // Another copy of the package, whose daemon ends at once.
  for (const part of ['bin/termshim', 'dist/bundle', 'prebuilds', 'package.json']) {
    cpSync(join(packageRoot, part), testbed.path(part), { recursive: true });
  }
  writeFileSync(testbed.path('dist/bundle/shim/daemon.cjs'), "console.error('the moon is full'); process.exit(7);");
  const [, ...words] = pty(testbed, 'true');
  const { stdout, stderr, status } = await runToEnd([testbed.path('bin/termshim'), ...words], { env: testbed.env });
  assert.equal(stderr, 'termshim: the daemon could not start: the moon is full [ERR_DAEMON_FAILED]\n');
  assert.deepEqual({ stdout, status }, { stdout: '', status: 1 });
  assert.equal(existsSync(`${directoryOf(testbed)}/daemon.sock`), false);
  testbed.letDaemonComplain();
});

test('TERMSHIM_IDLE_EXIT ends a daemon that has nothing to do', async (t) => {
  const testbed = openTestbed(t);
  const env = { ...testbed.env, TERMSHIM_IDLE_EXIT: '200ms' };
  await runToEnd(pty(testbed, 'sleep', '0.5'), { env });
  await waitFor(() => testbed.leftovers().length === 0, 'the daemon to end');
  const bad = await runToEnd(pty(testbed, 'true'), { env: { ...env, TERMSHIM_IDLE_EXIT: 'soon' } });
  assert.match(
    bad.stderr,
    /^termshim: TERMSHIM_IDLE_EXIT must be a duration such as 10m, or never, but it is "soon" \[ERR_DAEMON_FAILED\]\n$/,
  );
});

test('a second daemon in the foreground is refused, and a signal ends the first', async (t) => {
  const testbed = openTestbed(t);
  const { child, said, outcome } = await startForeground(testbed, termshimCommand('daemon'));
  assert.equal(said.socket, `${directoryOf(testbed)}/daemon.sock`);
  const second = await runToEnd(termshimCommand('daemon'), { env: testbed.env });
  assert.match(second.stderr, /^termshim: [^\n]*already[^\n]* \[ERR_SOCKET_IN_USE\]\n$/);
  assert.equal((await runToEnd(pty(testbed, 'echo', 'here'), { env: testbed.env })).stdout, 'here\n');
  assert.deepEqual(daemons(testbed), []);
  child.kill('SIGTERM');
  const { stderr, status } = await within(outcome, 'the daemon to end');
  assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
  assert.equal(existsSync(said.socket), false);
});

test('a daemon in the foreground with a container warns at the first ^C, and ends with the container at the second', async (t) => {
  const testbed = openTestbed(t);
  const { child, outcome } = await startForeground(testbed, termshimCommand('daemon'));
  let warned = false;
  child.stderr?.once('data', () => (warned = true));
  const command = runCommand('pty', testbed, { flags: ['-d'], command: ['sleep', '1000'] });
  await runToEnd(command, { env: testbed.env });
  child.kill('SIGINT');
  await waitFor(() => warned, 'a warning');
  child.kill('SIGINT');
  const { stderr, status } = await within(outcome, 'the daemon to end');
  assert.match(stderr, /^termshim: the daemon has a container \([^ ]+\); it stops [^\n]*\n$/);
  assert.equal(status, 0);
  assert.ok(testbed.processes().every(({ commandLine }) => commandLine !== 'sleep 1000'));
});

test('a daemon in the foreground serves and ends even if nobody reads its output', async (t) => {
  const testbed = openTestbed(t);
  const path = testbed.path('stderr');
  createFifo(path);
  const reader = OwnedFd.open(path, constants.O_RDWR | constants.O_NONBLOCK, 'the reader');
  testbed.after(() => reader.close());
  // As a shell opens it, without O_NONBLOCK.
  const redirected = ['sh', '-c', `exec "$@" 2> ${path}`, 'sh', ...termshimCommand('daemon')];
  const { child, outcome } = await startForeground(testbed, redirected);
  while (addon.fd_write(reader.fd, Buffer.alloc(4096, 'x')) > 0);
  const serves = async (what: string): Promise<void> => {
    const { status } = await within(runToEnd(termshimCommand('ps'), { env: testbed.env }), what);
    assert.equal(status, 0);
  };
  child.kill('SIGUSR1');
  await serves('an answer after a line of the log');
  await runToEnd(runCommand('pty', testbed, { flags: ['-d'], command: ['sleep', '1000'] }), { env: testbed.env });
  child.kill('SIGINT');
  await serves('an answer after the warning');
  child.kill('SIGTERM');
  assert.equal((await within(outcome, 'the daemon to end')).status, 0);
});

test('a daemon in the foreground that is asked to end does so with its last container', async (t) => {
  const testbed = openTestbed(t);
  const { child, outcome } = await startForeground(testbed, termshimCommand('daemon'));
  const id = testbed.newId();
  await runToEnd(runCommand('pty', testbed, { flags: ['-d'], id, command: ['sleep', '1000'] }), { env: testbed.env });
  child.kill('SIGINT');
  await runToEnd(termshimCommand('delete', '-f', id), { env: testbed.env });
  assert.equal((await within(outcome, 'the daemon to end')).status, 0);
});

test('a daemon in the foreground ends after the time of --idle-exit', async (t) => {
  const testbed = openTestbed(t);
  const { outcome } = await startForeground(testbed, termshimCommand('daemon', '--idle-exit', '300ms'));
  await runToEnd(pty(testbed, 'sleep', '0.6'), { env: testbed.env });
  assert.equal((await within(outcome, 'the daemon to end')).status, 0);
});

test('a container whose creation was cancelled does not keep the daemon alive', async (t) => {
  const testbed = openTestbed(t);
  const began = testbed.path('began');
  const runtime = fakeRuntime(testbed, { create: `touch ${began}; sleep 0.5` });
  const command = termshimCommand(
    'run',
    '-t',
    '--runtime',
    runtime,
    '--name',
    testbed.newId(),
    '--bundle',
    makeBundle(testbed, { args: ['true'], terminal: true, isHost: true }),
  );
  const child = spawn(command[0] ?? '', command.slice(1), { env: testbed.env, stdio: 'ignore' });
  await waitFor(() => existsSync(began), 'the runtime to be called');
  child.kill('SIGINT');
  await within(outcomeOf(child), 'the end of the run');
  assert.deepEqual(await stop(testbed), { stdout: '', stderr: '', status: 0 });
});

test('SIGTERM also ends a container that is being created', async (t) => {
  const testbed = openTestbed(t);
  const began = testbed.path('began');
  const runtime = fakeRuntime(testbed, { create: `touch ${began}; sleep 0.5` });
  const bundle = makeBundle(testbed, { args: ['sleep', '1000'], terminal: true, isHost: true });
  const { child, outcome } = await startForeground(testbed, termshimCommand('daemon'));
  const name = testbed.newId();
  const command = termshimCommand('run', '-d', '-t', '--runtime', runtime, '--name', name, '--bundle', bundle);
  const run = runToEnd(command, { env: testbed.env });
  await waitFor(() => existsSync(began), 'the runtime to be called');
  child.kill('SIGTERM');
  assert.equal((await within(outcome, 'the daemon to end', 20_000)).status, 0);
  await within(run, 'the end of the run');
});

test('a daemon uses a socket of systemd, and leaves it there at its end', async (t) => {
  const testbed = openTestbed(t);
  mkdirSync(directoryOf(testbed), { mode: 0o700 });
  const socket = `${directoryOf(testbed)}/daemon.sock`;
  const listener = new OwnedFd(check(addon.socket_listen(socket, 0o600), 'bind', 'listen'), socket);
  testbed.after(() => listener.close());
  // As systemd does: the variables are for the program that it executes.
  const command = ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', 'sh', ...termshimCommand('daemon')];
  const { said, outcome } = await startForeground(testbed, command, [listener.fd]);
  assert.equal(said.socket, socket);
  assert.equal((await runToEnd(pty(testbed, 'echo', 'here'), { env: testbed.env })).stdout, 'here\n');
  assert.equal((await stop(testbed)).status, 0);
  assert.equal((await within(outcome, 'the daemon to end')).status, 0);
  assert.ok(existsSync(socket));
  rmSync(socket);
});

test('the daemon removes the access of others to the runtime directory', async (t) => {
  const testbed = openTestbed(t);
  mkdirSync(directoryOf(testbed));
  chmodSync(directoryOf(testbed), 0o755);
  assert.equal((await runToEnd(pty(testbed, 'true'), { env: testbed.env })).status, 0);
  assert.equal(lstatSync(directoryOf(testbed)).mode & 0o777, 0o700);
});

test('the daemon refuses a runtime directory of another user', { skip: missing('root') }, async (t) => {
  const testbed = openTestbed(t);
  mkdirSync(directoryOf(testbed), { mode: 0o700 });
  chownSync(directoryOf(testbed), 65_534, 65_534);
  for (const command of [pty(testbed, 'true'), termshimCommand('ps'), termshimCommand('daemon')]) {
    const { stderr, status } = await runToEnd(command, { env: testbed.env });
    assert.match(stderr, /^termshim: [^\n]*is not a directory of this user \[ERR_DIRECTORY_UNSAFE\]\n$/);
    assert.equal(status, 1);
  }
});

test('a daemon in the foreground keeps screens', async (t) => {
  const testbed = openTestbed(t);
  const { child, outcome } = await startForeground(testbed, termshimCommand('daemon'));
  const id = testbed.newId();
  const flags = ['-dt', '--screen'];
  await runToEnd(runCommand('pty', testbed, { flags, id, command: ['sh', '-c', 'echo drawn; exec sleep 1000'] }), {
    env: testbed.env,
  });
  const terminal = openTerminal(testbed, termshimCommand('attach', id));
  // A screen is shown on a cleared one, on which recent output is not.
  await terminal.expect(/\[2J.*drawn/);
  await runToEnd(termshimCommand('delete', '-f', id), { env: testbed.env });
  child.kill('SIGTERM');
  const { stderr, status } = await within(outcome, 'the daemon to end');
  assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
});

test('another user cannot use the daemon, and gets another daemon', { skip: missing('root') }, async (t) => {
  const testbed = openTestbed(t);
  await runToEnd(pty(testbed, 'true'), { env: testbed.env });
  for (const path of [testbed.directory, `${testbed.env['XDG_RUNTIME_DIR']}`]) chmodSync(path, 0o755);
  const place = testbed.path('tmp');
  mkdirSync(place);
  chownSync(place, 65_534, 65_534);
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const asNobody = (command: readonly string[]) =>
    runToEnd([...nobody, ...command], { env: { ...testbed.env, TMPDIR: place }, cwd: place });
  const { stderr, status } = await asNobody(termshimCommand('attach', 'any'));
  assert.match(stderr, /^termshim: [^\n]* \[ERR_NO_DAEMON\]\n$/);
  assert.equal(status, 1);
  assert.deepEqual(await asNobody(pty(testbed, 'id', '-u')), { stdout: '65534\n', stderr: '', status: 0 });
  assert.deepEqual(await asNobody(termshimCommand('daemon', '--stop')), { stdout: '', stderr: '', status: 0 });
});

test('a runtime directory whose path is too long for a socket is refused', async (t) => {
  const testbed = openTestbed(t);
  const place = testbed.path('x'.repeat(100));
  mkdirSync(place, { mode: 0o700 });
  const env = { ...testbed.env, XDG_RUNTIME_DIR: place };
  const { stderr, status } = await runToEnd(pty(testbed, 'true'), { env });
  assert.match(stderr, /^termshim: [^\n]*at most 107[^\n]* \[ERR_SOCKET_PATH_TOO_LONG\]\n$/);
  assert.equal(status, 1);
});
