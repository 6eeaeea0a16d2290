/**
 * `termshim exec` runs on real runtimes. What could break: the process differs from the container's first process, its
 * status or its streams are wrong, or a process whose client detached or was killed stays in the daemon for ever. Each
 * test runs exec in a real container.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { outcomeOf, runToEnd, type CommandOptions, type CommandResult } from '../../helpers/base/command.js';
import { shellLine, openTerminal } from '../../helpers/sessions/terminal.js';
import {
  missingFor,
  runCommand,
  runtimeNames,
  type RuntimeName,
  termshimCommand,
} from '../../helpers/runtime/run-command.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { connectToDaemon } from '../../helpers/e2e/user-daemon.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

/** A container that waits, and is deleted after the test. */
async function startContainer(testbed: Testbed, runtime: RuntimeName): Promise<string> {
  const id = testbed.newId();
  const command = runCommand(runtime, testbed, { flags: ['-d'], id, command: ['sleep', '1000'] });
  assert.equal((await runToEnd(command, { env: testbed.env })).stdout, `${id}\n`);
  testbed.after(() => runToEnd(termshimCommand('delete', '-f', id), { env: testbed.env }));
  return id;
}

function exec(testbed: Testbed, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return runToEnd(termshimCommand('exec', ...args), { env: testbed.env, ...options });
}

/** The exec processes that the daemon knows. */
async function execIds(testbed: Testbed): Promise<string[]> {
  const { sessions } = await connectToDaemon(testbed);
  return (await sessions.list({})).sessions.map(({ execId }) => execId).filter((execId) => execId !== '');
}

for (const runtime of runtimeNames) {
  const skip = missingFor(runtime);

  test(`${runtime}: exec has streams, an exit status and a terminal of its own`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const id = await startContainer(testbed, runtime);
    assert.deepEqual(await exec(testbed, [id, 'sh', '-c', 'echo out; echo err >&2; tty; exit 3']), {
      stdout: 'out\nnot a tty\n',
      stderr: 'err\n',
      status: 3,
    });
    // crun sets no size, and does not wait until we have.
    const pause = runtime === 'crun' ? 'sleep 0.2;' : '';
    assert.deepEqual(await exec(testbed, ['-t', id, '--', 'sh', '-c', `${pause} stty size; exit 4`]), {
      stdout: '24 80\r\n',
      stderr: '',
      status: 4,
    });
    const input = randomBytes(1024 * 1024);
    const { stdout } = await exec(testbed, ['-i', id, 'sha256sum'], { input });
    assert.equal(stdout.split(' ')[0], createHash('sha256').update(input).digest('hex'));
    assert.equal((await exec(testbed, ['-it', id, 'cat'], { input: 'hi\n' })).stdout, 'hi\r\nhi\r\n');
    assert.deepEqual(await execIds(testbed), []);
  });

  test(`${runtime}: a user detaches from a shell of exec and attaches again`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const id = await startContainer(testbed, runtime);
    const shell = ['env', 'PS1=inside$ ', 'sh', '-i'];
    const terminal = openTerminal(testbed, termshimCommand('exec', '-it', id, ...shell), { columns: 101, rows: 37 });
    await terminal.expect('inside$ ');
    terminal.type('stty size\r');
    await terminal.expect('37 101\r\n');
    terminal.type('\x10\x11');
    assert.equal(await within(terminal.exited, 'the human to leave'), 0);
    const [execId = ''] = await execIds(testbed);
    const other = openTerminal(testbed, termshimCommand('attach', '--exec', execId, id));
    await other.expect('inside$ ');
    other.type('exit 9\r');
    assert.equal(await within(other.exited, 'the end of the shell'), 9);
    await waitFor(async () => (await execIds(testbed)).length === 0, 'the process to be removed');
  });

  test(`${runtime}: exec refuses a command that does not exist`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const id = await startContainer(testbed, runtime);
    for (const flags of [[], ['-t'], ['-d']]) {
      const { stdout, stderr, status } = await exec(testbed, [...flags, id, 'no-such-command']);
      assert.match(stderr, /^termshim: [^\n]*no-such-command[^\n]*not found[^\n]* \[ERR_RUNTIME_FAILED\]\n$/);
      assert.deepEqual({ stdout, status }, { stdout: '', status: 1 });
    }
    assert.deepEqual(await execIds(testbed), []);
  });
}

test('runc: exec sets variables, a directory and a user', { skip: missingFor('runc') }, async (t) => {
  const testbed = openTestbed(t);
  const id = await startContainer(testbed, 'runc');
  const script = 'echo "$A $B $PATH"; pwd; id -u; id -g';
  const flags = ['-e', 'A=a=1', '--env', 'B', '-e', 'PATH=/bin', '-w', '/tmp', '-u', '1000:1001'];
  const { stdout } = await exec(testbed, [...flags, id, 'sh', '-c', script], { env: { ...testbed.env, B: 'ours' } });
  assert.equal(stdout, 'a=1 ours /bin\n/tmp\n1000\n1001\n');
  assert.equal((await exec(testbed, ['-u', '7', id, 'sh', '-c', 'id -u; id -g'])).stdout, '7\n0\n');
  assert.match((await exec(testbed, ['-t', id, 'env'])).stdout, /^TERM=xterm\r$/m);
});

test('exec -d prints an id, and the daemon removes the process when it has ended', async (t) => {
  const testbed = openTestbed(t);
  const id = await startContainer(testbed, 'pty');
  const { stdout, status } = await exec(testbed, ['-d', id, 'sleep', '1000']);
  const [execId = ''] = await execIds(testbed);
  assert.deepEqual({ stdout, status }, { stdout: `${execId}\n`, status: 0 });
  await runToEnd(termshimCommand('kill', '-s', 'KILL', '--exec', execId, id), { env: testbed.env });
  await waitFor(async () => (await execIds(testbed)).length === 0, 'the process to be removed');
});

test('an exec process goes on after a kill of its command, and the daemon removes it when it has ended', async (t) => {
  const testbed = openTestbed(t);
  const id = await startContainer(testbed, 'pty');
  const [program = '', ...args] = termshimCommand('exec', '-t', id, 'sh', '-c', 'echo up; sleep 1000');
  const child = spawn(program, args, { env: testbed.env, stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGKILL');
  await outcomeOf(child);
  const isThere = () => testbed.processes().find(({ commandLine }) => commandLine === 'sleep 1000');
  assert.ok(isThere());
  const [execId = ''] = await execIds(testbed);
  await runToEnd(termshimCommand('kill', '-s', 'KILL', '--exec', execId, id), { env: testbed.env });
  await waitFor(async () => (await execIds(testbed)).length === 0, 'the process to be removed');
});

test('signals to the command of exec reach its process', async (t) => {
  const testbed = openTestbed(t);
  const id = await startContainer(testbed, 'pty');
  const script = 'trap "exit 99" TERM; echo up; while :; do sleep 0.05; done';
  const [program = '', ...args] = termshimCommand('exec', id, 'sh', '-c', script);
  const child = spawn(program, args, { env: testbed.env, stdio: ['ignore', 'pipe', 'pipe'] });
  const outcome = outcomeOf(child);
  child.stdout.once('data', () => child.kill('SIGTERM'));
  assert.equal((await within(outcome, 'the end of the process')).status, 99);
});

test('an exec process ends if the reader of its output exits', async (t) => {
  const testbed = openTestbed(t);
  const id = await startContainer(testbed, 'pty');
  for (const flags of [[], ['-t']]) {
    const line = `${shellLine(termshimCommand('exec', ...flags, id, 'yes'))} | head -n 1`;
    assert.match((await runToEnd(['sh', '-c', line], { env: testbed.env })).stdout, /^y\r?\n$/);
  }
  await waitFor(() => testbed.processes().every(({ commandLine }) => commandLine !== 'yes'), 'yes to end');
});

test('exec fails with one line if it cannot run the command', async (t) => {
  const testbed = openTestbed(t);
  const none = await exec(testbed, ['nobody', 'true']);
  assert.match(none.stderr, /^termshim: no daemon is running[^\n]* \[ERR_NO_DAEMON\]\n$/);
  const id = await startContainer(testbed, 'pty');
  const unknown = await exec(testbed, ['nobody', 'true']);
  assert.match(
    unknown.stderr,
    new RegExp(`^termshim: [^\\n]*nobody[^\\n]*${id}[^\\n]* \\[ERR_PROCESS_NOT_FOUND\\]\\n$`),
  );
  await runToEnd(termshimCommand('kill', '-s', 'KILL', id), { env: testbed.env });
  await runToEnd(termshimCommand('wait', id), { env: testbed.env });
  const ended = await exec(testbed, [id, 'true']);
  assert.match(ended.stderr, /^termshim: [^\n]*stopped[^\n]* \[ERR_STATE_INVALID\]\n$/);
  assert.deepEqual([none.status, unknown.status, ended.status], [1, 1, 1]);
});
