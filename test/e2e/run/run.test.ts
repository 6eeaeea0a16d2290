/**
 * Scripts use `termshim run` on real runtimes. What could break: the size or the terminal is not there from the first
 * byte, the status is not that of the process, bytes are changed or streams are mixed without a terminal, a pipeline
 * hangs or leaves a process behind. Each test runs the command, and its testbed proves that no file, process, mount or
 * container stays.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { outcomeOf, runToEnd } from '../../helpers/base/command.js';
import { shellLine, openTerminal } from '../../helpers/sessions/terminal.js';
import { makeBundle } from '../../helpers/runtime/bundle.js';
import { missing } from '../../helpers/base/requirement.js';
import { missingFor, runCommand, runtimeNames } from '../../helpers/runtime/run-command.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

for (const runtime of runtimeNames) {
  const skip = missingFor(runtime);

  test(`${runtime}: run -t without a user's terminal creates one of 80x24 and returns the exit status`, {
    skip,
  }, async (t) => {
    const testbed = openTestbed(t);
    const command = ['sh', '-c', 'tty; stty size; exit 7'];
    const { stdout, stderr, status } = await runToEnd(runCommand(runtime, testbed, { flags: ['-t'], command }), {
      env: testbed.env,
    });
    assert.match(stdout, /^\/dev\/(pts\/\d+|console)\r\n24 80\r\n$/);
    assert.equal(stderr, '');
    assert.equal(status, 7);
  });

  test(`${runtime}: run -t has the size of the user's terminal from the first byte`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const command = runCommand(runtime, testbed, { flags: ['-t'], command: ['stty', 'size'] });
    const line = `${shellLine(command)}; echo "status $?"; read end`;
    const terminal = openTerminal(testbed, ['sh', '-c', line], { columns: 101, rows: 37 });
    await terminal.expect('status 0\r\n');
    // Without -i our own terminal keeps its modes, and so makes CR LF of the LF in CR LF.
    assert.equal(terminal.shown, '37 101\r\r\nstatus 0\r\n');
  });

  test(`${runtime}: run without -t keeps stdout and stderr apart and unchanged`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const command = ['sh', '-c', 'echo out; echo err >&2; tty; exit 3'];
    const { stdout, stderr, status } = await runToEnd(runCommand(runtime, testbed, { command }), { env: testbed.env });
    assert.deepEqual({ stdout, stderr, status }, { stdout: 'out\nnot a tty\n', stderr: 'err\n', status: 3 });
  });

  test(`${runtime}: run without -i has an empty stdin`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const command = runCommand(runtime, testbed, { command: ['cat'] });
    const { stdout, status } = await runToEnd(command, { env: testbed.env, input: 'not for you' });
    assert.deepEqual({ stdout, status }, { stdout: '', status: 0 });
  });

  test(`${runtime}: run -i without -t passes 1 MB of stdin byte for byte`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const input = randomBytes(1024 * 1024);
    const command = runCommand(runtime, testbed, { flags: ['-i'], command: ['sha256sum'] });
    const { stdout, status } = await runToEnd(command, { env: testbed.env, input });
    assert.equal(stdout.split(' ')[0], createHash('sha256').update(input).digest('hex'));
    assert.equal(status, 0);
  });

  test(`${runtime}: the end of a pipeline into run -it types ^D`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const command = runCommand(runtime, testbed, { flags: ['-it'], command: ['cat'] });
    const { stdout, status } = await runToEnd(command, { env: testbed.env, input: 'hi\n' });
    assert.deepEqual({ stdout, status }, { stdout: 'hi\r\nhi\r\n', status: 0 });
  });

  test(`${runtime}: a pipeline into run -it may end within a line`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const command = runCommand(runtime, testbed, { flags: ['-it'], command: ['cat'] });
    const { stdout, status } = await runToEnd(command, { env: testbed.env, input: 'one\ntwo' });
    assert.equal(status, 0);
    assert.ok(stdout.endsWith('two'), JSON.stringify(stdout));
  });

  test(`${runtime}: run -t ends soon if the reader of its output exits`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const command = runCommand(runtime, testbed, { flags: ['-t'], command: ['yes'] });
    const { stdout } = await runToEnd(['sh', '-c', `${shellLine(command)} | head -n 1`], { env: testbed.env });
    assert.equal(stdout, 'y\r\n');
  });

  test(`${runtime}: run returns 128 and the number of the signal that ended the process`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    // The init of a container is only ended by a signal that it handles, or by SIGKILL from outside.
    const script = 'trap "exit 99" TERM; echo up; while :; do sleep 0.05; done';
    for (const [signal, status] of [
      ['SIGTERM', 99],
      ['SIGKILL', 137],
    ] as const) {
      const [program = '', ...args] = runCommand(runtime, testbed, { flags: ['-t'], command: ['sh', '-c', script] });
      const child = spawn(program, args, { env: testbed.env, stdio: ['ignore', 'pipe', 'pipe'] });
      const outcome = outcomeOf(child);
      child.stdout?.once('data', () => {
        if (signal === 'SIGTERM') return child.kill(signal);
        const leader = testbed.processes().find(({ commandLine }) => commandLine === `sh -c ${script}`);
        return process.kill(leader?.pid ?? 0, signal);
      });
      assert.equal((await within(outcome, 'the end of the run')).status, status);
    }
  });

  test(`${runtime}: run refuses a command that does not exist, with the runtime's own message`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const command = runCommand(runtime, testbed, { flags: ['-t'], command: ['no-such-command'] });
    const { stdout, stderr, status } = await runToEnd(command, { env: testbed.env });
    assert.equal(stdout, '');
    assert.match(stderr, /^termshim: [^\n]*no-such-command[^\n]*not found[^\n]* \[ERR_RUNTIME_FAILED\]\n$/);
    assert.equal(status, 1);
  });

  test(`${runtime}: run without -t refuses a command that does not exist`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const { stderr, status } = await runToEnd(runCommand(runtime, testbed, { command: ['no-such-command'] }), {
      env: testbed.env,
    });
    assert.match(stderr, /no-such-command.*not found/);
    assert.match(stderr, /termshim: .* \[ERR_RUNTIME_FAILED\]\n$/);
    assert.equal(status, 1);
  });

  test(`${runtime}: the process inherits no descriptor of termshim`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const command = ['ls', '-1', '/proc/self/fd'];
    // What this test itself passes on to everybody is not termshim's doing.
    const usual = (await runToEnd(command, { env: testbed.env })).stdout.split('\n');
    for (const flags of [['-t'], []]) {
      const { stdout } = await runToEnd(runCommand(runtime, testbed, { flags, command }), { env: testbed.env });
      const descriptors = stdout.split(/\r?\n/);
      assert.ok(descriptors.includes('2'));
      assert.deepEqual(
        descriptors.filter((fd) => !usual.includes(fd)),
        [],
      );
    }
  });

  test(`${runtime}: two runs at once do not disturb each other`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const run = (word: string, status: number) => {
      const command = ['sh', '-c', `i=0; while [ $i -lt 200 ]; do echo ${word}; i=$((i+1)); done; exit ${status}`];
      return runToEnd(runCommand(runtime, testbed, { flags: ['-t'], command }), { env: testbed.env });
    };
    const [one, two] = await Promise.all([run('one', 11), run('two', 12)]);
    assert.deepEqual(one, { stdout: 'one\r\n'.repeat(200), stderr: '', status: 11 });
    assert.deepEqual(two, { stdout: 'two\r\n'.repeat(200), stderr: '', status: 12 });
  });

  test(`${runtime}: run --bundle runs the command of its config.json`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const bundle = makeBundle(testbed, {
      args: ['sh', '-c', 'echo from the bundle; stty size; exit 5'],
      terminal: true,
    });
    const command = runCommand(runtime, testbed, { flags: ['-t'], bundle });
    const { stdout, status } = await runToEnd(command, { env: testbed.env });
    assert.deepEqual({ stdout, status }, { stdout: 'from the bundle\r\n24 80\r\n', status: 5 });
    assert.equal(existsSync(`${bundle}/config.json`), true, "the user's bundle must stay");
  });
}

test('run --name sets the container id', { skip: missingFor('runc') }, async (t) => {
  const testbed = openTestbed(t);
  const id = testbed.newId();
  const [program = '', ...args] = runCommand('runc', testbed, { flags: ['-t'], id, command: ['sleep', '100'] });
  const child = spawn(program, args, { env: testbed.env, stdio: 'ignore' });
  const ended = outcomeOf(child);
  await waitFor(async () => (await runToEnd(['runc', 'state', id])).stdout.includes('"running"'), `${id} to run`);
  await runToEnd(['runc', 'kill', id, 'KILL']);
  assert.equal((await within(ended, 'the end of the run')).status, 137);
});

test('a run without --name leaves nothing behind', { skip: missingFor('runc') }, async (t) => {
  const testbed = openTestbed(t);
  const args = ['run', '-t', '--rootfs', testbed.rootfs, '--', 'cat', '/proc/self/cgroup'];
  const { stdout, status } = await runToEnd([termshimProgram, ...args], { env: testbed.env });
  assert.equal(status, 0);
  const id = /:\/(termshim-[0-9a-f]{12})\r/.exec(stdout)?.[1];
  assert.ok(id !== undefined, `no generated id in ${stdout}`);
  assert.equal(existsSync(`/run/runc/${id}`), false);
});

test('run uses the pty runtime if neither a bundle nor a rootfs is given', async (t) => {
  const testbed = openTestbed(t);
  const file = testbed.path('here');
  const script = `pwd >${file}; exit 4`;
  const command = [termshimProgram, 'run', '-t', '--', 'sh', '-c', script];
  const { status } = await runToEnd(command, { env: testbed.env, cwd: testbed.directory });
  assert.equal(status, 4);
  assert.equal(readFileSync(file, 'utf8').trim(), testbed.directory);
});

test('the stdin of run -i may be a file', { skip: missing('root', 'runc', 'busybox') }, async (t) => {
  const testbed = openTestbed(t);
  const bytes = randomBytes(300_000);
  writeFileSync(testbed.path('input'), bytes);
  const command = runCommand('runc', testbed, { flags: ['-i'], command: ['cat'] });
  const line = `${shellLine(command)} <${testbed.path('input')} >${testbed.path('output')}`;
  assert.equal((await runToEnd(['sh', '-c', line], { env: testbed.env })).status, 0);
  assert.ok(readFileSync(testbed.path('output')).equals(bytes));
});
