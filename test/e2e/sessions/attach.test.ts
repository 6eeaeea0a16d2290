/**
 * Users run `termshim attach`: they detach from a container by keys, by a signal or by a kill -9, and attach again,
 * alone or beside others. What could break: a detach ends the container or leaves the terminal raw; the detach keys are
 * not recognized, or typed bytes are lost; a read-only client can type; the end is reported with a wrong status.
 * Terminals of node-pty play the users, and the testbed proves that nothing stays.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { outcomeOf, runToEnd } from '../../helpers/base/command.js';
import type { Scope } from '../../helpers/base/leak-free.js';
import { type Terminal, prompt, shellLine, openTerminal, openShell } from '../../helpers/sessions/terminal.js';
import { missingFor, runCommand, termshimCommand } from '../../helpers/runtime/run-command.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { connectToDaemon } from '../../helpers/e2e/user-daemon.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

/** A shell in the container, whose prompt no other shell has. */
const shell = ['env', 'PS1=inside$ ', 'sh', '-i'];
const leave = '\x10\x11';

/** A human who has attached to a shell from a shell, whose terminal had the settings `before`. */
async function attachFromShell(scope: Scope) {
  const testbed = openTestbed(scope);
  const id = await startShell(testbed);
  const terminal = await openShell(testbed);
  const before = await terminal.run('stty -a');
  await terminal.enter(shellLine(termshimCommand('attach', id)));
  await terminal.expect('inside$ ');
  return { testbed, id, terminal, before };
}

/** A container with that shell, which is deleted after the test. */
async function startShell(testbed: Testbed, runtime: 'runc' | 'pty' = 'pty'): Promise<string> {
  const id = testbed.newId();
  const { stdout } = await runToEnd(runCommand(runtime, testbed, { flags: ['-dt'], id, command: shell }), {
    env: testbed.env,
  });
  assert.equal(stdout, `${id}\n`);
  testbed.after(() => runToEnd(termshimCommand('delete', '-f', id), { env: testbed.env }));
  return id;
}

function attach(testbed: Testbed, ...args: string[]): Terminal {
  return openTerminal(testbed, termshimCommand('attach', ...args));
}

/** The process that is `termshim attach` with these arguments. */
function pidOfAttach(testbed: Testbed, ...args: string[]): number {
  const found = testbed.processes().find(({ commandLine }) => commandLine.endsWith(`attach ${args.join(' ')}`));
  return found?.pid ?? 0;
}

for (const runtime of ['runc', 'pty'] as const) {
  test(`${runtime}: the detach keys detach a run, and attach returns to it`, {
    skip: missingFor(runtime),
  }, async (t) => {
    const testbed = openTestbed(t);
    const terminal = await openShell(testbed);
    const before = await terminal.run('stty -a');
    const id = testbed.newId();
    await terminal.enter(shellLine(runCommand(runtime, testbed, { flags: ['-it'], id, command: shell })));
    await terminal.expect('inside$ ');
    terminal.type(`x=left${leave}`);
    assert.match(await terminal.expect(prompt), /\r\n\[ready\]\$ $/);
    assert.equal(await terminal.run('echo $?'), '0\n');
    assert.equal(await terminal.run('stty -a'), before);
    const other = attach(testbed, id);
    await other.expect('x=left');
    other.type('\recho "$x" "$((6 * 7))"; exit 6\r');
    await other.expect('left 42\r\n');
    assert.equal(await within(other.exited, 'the end of the shell'), 6);
  });

  test(`${runtime}: three clients share one terminal`, { skip: missingFor(runtime) }, async (t) => {
    const testbed = openTestbed(t);
    const id = await startShell(testbed, runtime);
    const [first, second, third] = [attach(testbed, id), attach(testbed, id), attach(testbed, '--read-only', id)];
    for (const terminal of [first, second, third]) await terminal.expect('inside$ ');
    first.type('echo from "the" first\r');
    for (const terminal of [first, second, third]) await terminal.expect('from the first\r\n');
    first.type(leave);
    assert.equal(await within(first.exited, 'the first to leave'), 0);
    process.kill(pidOfAttach(testbed, '--read-only', id), 'SIGKILL');
    await within(third.exited, 'the third to be gone');
    second.type('echo from "the" second; exit 3\r');
    await second.expect('from the second\r\n');
    assert.equal(await within(second.exited, 'the end of the shell'), 3);
    assert.doesNotMatch(first.shown, /second/);
  });
}

test('a client that is killed with -9 is removed from the session', async (t) => {
  const testbed = openTestbed(t);
  const id = await startShell(testbed);
  const terminal = attach(testbed, id);
  await terminal.expect('inside$ ');
  const { sessions } = await connectToDaemon(testbed);
  assert.equal((await sessions.inspect({ id })).clients.length, 1);
  process.kill(pidOfAttach(testbed, id), 'SIGKILL');
  await waitFor(async () => (await sessions.inspect({ id })).clients.length === 0, 'the client to be gone');
});

test('a client has a name in the list of clients, and is removed as soon as it detaches', async (t) => {
  const testbed = openTestbed(t);
  const id = await startShell(testbed);
  const terminal = attach(testbed, id);
  await terminal.expect('inside$ ');
  const { sessions } = await connectToDaemon(testbed);
  const [client] = (await sessions.inspect({ id })).clients;
  assert.match(client?.label ?? '', /^\/dev\/pts\/\d+, pid \d+$/);
  assert.deepEqual([client?.columns, client?.rows], [80, 24]);
  terminal.type(leave);
  await within(terminal.exited, 'the human to leave');
  assert.deepEqual((await sessions.inspect({ id })).clients, []);
});

test('a client that is detached by another command ends as if by the detach keys', async (t) => {
  const { testbed, id, terminal, before } = await attachFromShell(t);
  const { sessions } = await connectToDaemon(testbed);
  const [client] = (await sessions.inspect({ id })).clients;
  await sessions.detach({ id, client: client?.client ?? 0 });
  await terminal.expect(prompt);
  assert.equal(await terminal.run('echo $?'), '0\n');
  assert.equal(await terminal.run('stty -a'), before);
});

test("a resize of the client's window reaches the process", async (t) => {
  const testbed = openTestbed(t);
  const id = await startShell(testbed);
  const terminal = attach(testbed, id);
  await terminal.expect('inside$ ');
  terminal.resize({ columns: 101, rows: 37 });
  const { sessions } = await connectToDaemon(testbed);
  await waitFor(async () => (await sessions.inspect({ id })).session?.columns === 101, 'the size to arrive');
  terminal.type('stty size\r');
  await terminal.expect('37 101\r\n');
});

test('attach --read-only types nothing, and the detach keys detach it', async (t) => {
  const testbed = openTestbed(t);
  const id = await startShell(testbed);
  const terminal = attach(testbed, '--read-only', id);
  await terminal.expect('inside$ ');
  terminal.type(`echo not this\r${leave}`);
  assert.equal(await within(terminal.exited, 'the human to leave'), 0);
  const other = attach(testbed, id);
  await other.expect('inside$ ');
  other.type('echo "but" that\r');
  assert.doesNotMatch(await other.expect('but that\r\n'), /not this/);
});

test('attach --no-stdin leaves stdin to other clients, and ^C detaches it', async (t) => {
  const testbed = openTestbed(t);
  const id = await startShell(testbed);
  const terminal = await openShell(testbed);
  const before = await terminal.run('stty -a');
  terminal.type(
    `(${shellLine(termshimCommand('attach', '--no-stdin', id))}; echo "status $?"; read line; echo "got $line")\r`,
  );
  await terminal.expect('inside$ ');
  terminal.type('for the other\r');
  terminal.type('\x03');
  // A shell that is interrupted by ^C itself ends the list of commands.
  await terminal.expect(prompt);
  assert.equal(await terminal.run('stty -a'), before);
});

test('attach --detach-keys detaches by the given keys, and types the default ones', async (t) => {
  const testbed = openTestbed(t);
  const id = await startShell(testbed);
  const terminal = attach(testbed, '--detach-keys', 'ctrl-],x', id);
  await terminal.expect('inside$ ');
  terminal.type('stty raw -echo; echo re""ady; head -c 4 | od -An -tx1; stty -raw echo\r');
  await terminal.expect('ready');
  terminal.type('\x10\x11\x1dy');
  await terminal.expect('10 11 1d 79');
  terminal.type('\x1d');
  terminal.type('x');
  assert.equal(await within(terminal.exited, 'the human to leave'), 0);
});

for (const [signal, status] of [
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGQUIT', 131],
] as const) {
  test(`${signal} detaches a client and restores its terminal`, async (t) => {
    const { testbed, id, terminal, before } = await attachFromShell(t);
    process.kill(pidOfAttach(testbed, id), signal);
    await terminal.expect(prompt);
    assert.equal(await terminal.run('echo $?'), `${status}\n`);
    assert.equal(await terminal.run('stty -a'), before);
  });
}

test('a pipeline into attach types its text, and ^D at its end', async (t) => {
  const testbed = openTestbed(t);
  const id = await startShell(testbed);
  const options = { env: testbed.env, input: 'echo $((6 * 7))\n' };
  const { stdout, stderr, status } = await runToEnd(termshimCommand('attach', id), options);
  assert.match(stdout, /\r\n42\r\n/);
  assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
});

test('if the reader of its stdout exits, attach ends and the container goes on', async (t) => {
  const testbed = openTestbed(t);
  const id = testbed.newId();
  const command = ['sh', '-c', 'while :; do echo tick; sleep 0.02; done'];
  await runToEnd(runCommand('pty', testbed, { flags: ['-dt'], id, command }), { env: testbed.env });
  testbed.after(() => runToEnd(termshimCommand('delete', '-f', id), { env: testbed.env }));
  const line = `${shellLine(termshimCommand('attach', '--no-stdin', id))} | head -n 1`;
  const { stdout, stderr } = await runToEnd(['sh', '-c', line], { env: testbed.env });
  assert.deepEqual({ stdout, stderr }, { stdout: 'tick\r\n', stderr: '' });
  const { task } = await connectToDaemon(testbed);
  assert.equal((await task.state({ id })).status, 2);
});

test('attach reports a kill of the daemon and restores the terminal', async (t) => {
  const { testbed, terminal, before } = await attachFromShell(t);
  const daemon = testbed.processes().find(({ commandLine }) => commandLine.includes('--namespace termshim'));
  process.kill(daemon?.pid ?? 0, 'SIGKILL');
  await terminal.expect(/termshim: [^\n]* \[ERR_DAEMON_FAILED\]\r\n/);
  await terminal.expect(prompt);
  assert.equal(await terminal.run('stty -a'), before);
  await runToEnd(['sh', '-c', `rm -rf "$XDG_RUNTIME_DIR"/*/*`], { env: testbed.env });
});

test('attach fails with one line if it cannot attach', async (t) => {
  const testbed = openTestbed(t);
  const attaching = async (...args: string[]) => {
    const { stdout, stderr, status } = await runToEnd(termshimCommand('attach', ...args), { env: testbed.env });
    assert.deepEqual({ stdout, status }, { stdout: '', status: 1 });
    return stderr;
  };
  assert.match(await attaching('nobody'), /^termshim: no daemon is running[^\n]*\[ERR_NO_DAEMON\]\n$/);
  const id = await startShell(testbed);
  assert.match(
    await attaching('nobody'),
    new RegExp(`^termshim: [^\\n]*nobody[^\\n]*${id}[^\\n]* \\[ERR_PROCESS_NOT_FOUND\\]\\n$`),
  );
  const [plain, ended] = [testbed.newId(), testbed.newId()];
  await runToEnd(runCommand('pty', testbed, { flags: ['-d'], id: plain, command: ['sleep', '1000'] }), {
    env: testbed.env,
  });
  await runToEnd(runCommand('pty', testbed, { flags: ['-dt'], id: ended, command: ['true'] }), { env: testbed.env });
  testbed.after(() => runToEnd(termshimCommand('delete', '-f', plain, ended), { env: testbed.env }));
  await runToEnd(termshimCommand('wait', ended), { env: testbed.env });
  assert.match(await attaching(plain), /^termshim: [^\n]*no terminal[^\n]* \[ERR_STATE_INVALID\]\n$/);
  assert.match(await attaching(ended), /^termshim: [^\n]*has ended[^\n]* \[ERR_STATE_INVALID\]\n$/);
});

test('a container whose run was detached is removed when its process has ended', async (t) => {
  const testbed = openTestbed(t);
  const id = testbed.newId();
  const terminal = openTerminal(
    testbed,
    runCommand('pty', testbed, { flags: ['-it'], id, command: ['sh', '-c', 'echo up; read go'] }),
  );
  await terminal.expect('up');
  terminal.type(leave);
  assert.equal(await within(terminal.exited, 'the human to leave'), 0);
  const { task, sessions } = await connectToDaemon(testbed);
  const child = spawn('sh', ['-c', `echo | ${shellLine(termshimCommand('attach', id))}`], { env: testbed.env });
  await outcomeOf(child);
  await waitFor(async () => (await sessions.list({})).sessions.length === 0, 'the container to be removed');
  await assert.rejects(task.state({ id }));
});
