/**
 * `termshim exec` on real runtimes. What could break: the process is not like the container's first one, its status or its
 * streams are not its own, one that was left or whose command was killed stays in the daemon for good.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { outcomeOf, runToEnd, type CommandOptions, type CommandResult } from '../../helpers/base/command.js';
import { shellLine, sitAt } from '../../helpers/sessions/human.js';
import {
  missingFor,
  runCommand,
  runtimeNames,
  type RuntimeName,
  termshimCommand,
} from '../../helpers/runtime/run-command.js';
import { type Stage, openStage } from '../../helpers/e2e/stage.js';
import { connectToDaemon } from '../../helpers/e2e/user-daemon.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

/** A container that waits, and is deleted after the test. */
async function startContainer(stage: Stage, runtime: RuntimeName): Promise<string> {
  const id = stage.newId();
  const command = runCommand(runtime, stage, { flags: ['-d'], id, command: ['sleep', '1000'] });
  assert.equal((await runToEnd(command, { env: stage.env })).stdout, `${id}\n`);
  stage.after(() => runToEnd(termshimCommand('delete', '-f', id), { env: stage.env }));
  return id;
}

function exec(stage: Stage, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return runToEnd(termshimCommand('exec', ...args), { env: stage.env, ...options });
}

/** The exec processes that the daemon knows. */
async function execIds(stage: Stage): Promise<string[]> {
  const { sessions } = await connectToDaemon(stage);
  return (await sessions.list({})).sessions.map(({ execId }) => execId).filter((execId) => execId !== '');
}

for (const runtime of runtimeNames) {
  const skip = missingFor(runtime);

  test(`${runtime}: exec has streams, an exit status and a terminal of its own`, { skip }, async (t) => {
    const stage = openStage(t);
    const id = await startContainer(stage, runtime);
    assert.deepEqual(await exec(stage, [id, 'sh', '-c', 'echo out; echo err >&2; tty; exit 3']), {
      stdout: 'out\nnot a tty\n',
      stderr: 'err\n',
      status: 3,
    });
    // crun sets no size, and does not wait until we have.
    const pause = runtime === 'crun' ? 'sleep 0.2;' : '';
    assert.deepEqual(await exec(stage, ['-t', id, '--', 'sh', '-c', `${pause} stty size; exit 4`]), {
      stdout: '24 80\r\n',
      stderr: '',
      status: 4,
    });
    const input = randomBytes(1024 * 1024);
    const { stdout } = await exec(stage, ['-i', id, 'sha256sum'], { input });
    assert.equal(stdout.split(' ')[0], createHash('sha256').update(input).digest('hex'));
    assert.equal((await exec(stage, ['-it', id, 'cat'], { input: 'hi\n' })).stdout, 'hi\r\nhi\r\n');
    assert.deepEqual(await execIds(stage), []);
  });

  test(`${runtime}: a human leaves a shell of exec and comes back`, { skip }, async (t) => {
    const stage = openStage(t);
    const id = await startContainer(stage, runtime);
    const shell = ['env', 'PS1=inside$ ', 'sh', '-i'];
    const human = sitAt(stage, termshimCommand('exec', '-it', id, ...shell), { columns: 101, rows: 37 });
    await human.sees('inside$ ');
    human.type('stty size\r');
    await human.sees('37 101\r\n');
    human.type('\x10\x11');
    assert.equal(await within(human.exited, 'the human to leave'), 0);
    const [execId = ''] = await execIds(stage);
    const other = sitAt(stage, termshimCommand('attach', '--exec', execId, id));
    await other.sees('inside$ ');
    other.type('exit 9\r');
    assert.equal(await within(other.exited, 'the end of the shell'), 9);
    await waitFor(async () => (await execIds(stage)).length === 0, 'the process to be removed');
  });

  test(`${runtime}: exec refuses a command that does not exist`, { skip }, async (t) => {
    const stage = openStage(t);
    const id = await startContainer(stage, runtime);
    for (const flags of [[], ['-t'], ['-d']]) {
      const { stdout, stderr, status } = await exec(stage, [...flags, id, 'no-such-command']);
      assert.match(stderr, /^termshim: [^\n]*no-such-command[^\n]*not found[^\n]* \[ERR_RUNTIME_FAILED\]\n$/);
      assert.deepEqual({ stdout, status }, { stdout: '', status: 1 });
    }
    assert.deepEqual(await execIds(stage), []);
  });
}

test('runc: exec sets variables, a directory and a user', { skip: missingFor('runc') }, async (t) => {
  const stage = openStage(t);
  const id = await startContainer(stage, 'runc');
  const script = 'echo "$A $B $PATH"; pwd; id -u; id -g';
  const flags = ['-e', 'A=a=1', '--env', 'B', '-e', 'PATH=/bin', '-w', '/tmp', '-u', '1000:1001'];
  const { stdout } = await exec(stage, [...flags, id, 'sh', '-c', script], { env: { ...stage.env, B: 'ours' } });
  assert.equal(stdout, 'a=1 ours /bin\n/tmp\n1000\n1001\n');
  assert.equal((await exec(stage, ['-u', '7', id, 'sh', '-c', 'id -u; id -g'])).stdout, '7\n0\n');
  assert.match((await exec(stage, ['-t', id, 'env'])).stdout, /^TERM=xterm\r$/m);
});

test('exec -d prints an id, and the process is removed when it has ended', async (t) => {
  const stage = openStage(t);
  const id = await startContainer(stage, 'pty');
  const { stdout, status } = await exec(stage, ['-d', id, 'sleep', '1000']);
  const [execId = ''] = await execIds(stage);
  assert.deepEqual({ stdout, status }, { stdout: `${execId}\n`, status: 0 });
  await runToEnd(termshimCommand('kill', '-s', 'KILL', '--exec', execId, id), { env: stage.env });
  await waitFor(async () => (await execIds(stage)).length === 0, 'the process to be removed');
});

test('an exec process goes on after a kill of its command, and is removed when it has ended', async (t) => {
  const stage = openStage(t);
  const id = await startContainer(stage, 'pty');
  const [program = '', ...args] = termshimCommand('exec', '-t', id, 'sh', '-c', 'echo up; sleep 1000');
  const child = spawn(program, args, { env: stage.env, stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGKILL');
  await outcomeOf(child);
  const isThere = () => stage.processes().find(({ commandLine }) => commandLine === 'sleep 1000');
  assert.ok(isThere());
  const [execId = ''] = await execIds(stage);
  await runToEnd(termshimCommand('kill', '-s', 'KILL', '--exec', execId, id), { env: stage.env });
  await waitFor(async () => (await execIds(stage)).length === 0, 'the process to be removed');
});

test('signals to the command of exec reach its process', async (t) => {
  const stage = openStage(t);
  const id = await startContainer(stage, 'pty');
  const script = 'trap "exit 99" TERM; echo up; while :; do sleep 0.05; done';
  const [program = '', ...args] = termshimCommand('exec', id, 'sh', '-c', script);
  const child = spawn(program, args, { env: stage.env, stdio: ['ignore', 'pipe', 'pipe'] });
  const outcome = outcomeOf(child);
  child.stdout.once('data', () => child.kill('SIGTERM'));
  assert.equal((await within(outcome, 'the end of the process')).status, 99);
});

test('an exec process ends if the reader of its output leaves', async (t) => {
  const stage = openStage(t);
  const id = await startContainer(stage, 'pty');
  for (const flags of [[], ['-t']]) {
    const line = `${shellLine(termshimCommand('exec', ...flags, id, 'yes'))} | head -n 1`;
    assert.match((await runToEnd(['sh', '-c', line], { env: stage.env })).stdout, /^y\r?\n$/);
  }
  await waitFor(() => stage.processes().every(({ commandLine }) => commandLine !== 'yes'), 'yes to end');
});

test('exec fails with one line if it cannot run the command', async (t) => {
  const stage = openStage(t);
  const none = await exec(stage, ['nobody', 'true']);
  assert.match(none.stderr, /^termshim: no daemon runs[^\n]* \[ERR_NO_DAEMON\]\n$/);
  const id = await startContainer(stage, 'pty');
  const unknown = await exec(stage, ['nobody', 'true']);
  assert.match(
    unknown.stderr,
    new RegExp(`^termshim: [^\\n]*nobody[^\\n]*${id}[^\\n]* \\[ERR_PROCESS_NOT_FOUND\\]\\n$`),
  );
  await runToEnd(termshimCommand('kill', '-s', 'KILL', id), { env: stage.env });
  await runToEnd(termshimCommand('wait', id), { env: stage.env });
  const ended = await exec(stage, [id, 'true']);
  assert.match(ended.stderr, /^termshim: [^\n]*stopped[^\n]* \[ERR_STATE_INVALID\]\n$/);
  assert.deepEqual([none.status, unknown.status, ended.status], [1, 1, 1]);
});
