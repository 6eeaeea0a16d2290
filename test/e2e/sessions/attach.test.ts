/**
 * `termshim attach` as people use it: they leave a container by keys, by a signal, by a kill -9, and come back, alone or
 * beside others. What could break: leaving ends the container, or leaves the terminal raw; the keys are not seen, or eat
 * what was typed; one who only looks types; an end is told with another status. Humans at terminals that node-pty plays type
 * and look, the stage proves that nothing stays.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { outcomeOf, runToEnd } from '../../helpers/base/command.js';
import type { Scope } from '../../helpers/base/leak-free.js';
import { type Human, prompt, shellLine, sitAt, sitAtShell } from '../../helpers/sessions/human.js';
import { missingFor, runCommand, termshimCommand } from '../../helpers/runtime/run-command.js';
import { type Stage, openStage } from '../../helpers/e2e/stage.js';
import { connectToDaemon } from '../../helpers/e2e/user-daemon.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

/** A shell in the container, whose prompt no other shell has. */
const shell = ['env', 'PS1=inside$ ', 'sh', '-i'];
const leave = '\x10\x11';

/** A human who has attached to a shell from a shell, whose terminal had the settings `before`. */
async function attachFromShell(scope: Scope) {
  const stage = openStage(scope);
  const id = await startShell(stage);
  const human = await sitAtShell(stage);
  const before = await human.asks('stty -a');
  await human.enters(shellLine(termshimCommand('attach', id)));
  await human.sees('inside$ ');
  return { stage, id, human, before };
}

/** A container with that shell, which is deleted after the test. */
async function startShell(stage: Stage, runtime: 'runc' | 'pty' = 'pty'): Promise<string> {
  const id = stage.newId();
  const { stdout } = await runToEnd(runCommand(runtime, stage, { flags: ['-dt'], id, command: shell }), {
    env: stage.env,
  });
  assert.equal(stdout, `${id}\n`);
  stage.after(() => runToEnd(termshimCommand('delete', '-f', id), { env: stage.env }));
  return id;
}

function attach(stage: Stage, ...args: string[]): Human {
  return sitAt(stage, termshimCommand('attach', ...args));
}

/** The process that is `termshim attach` with these arguments. */
function pidOfAttach(stage: Stage, ...args: string[]): number {
  const found = stage.processes().find(({ commandLine }) => commandLine.endsWith(`attach ${args.join(' ')}`));
  return found?.pid ?? 0;
}

for (const runtime of ['runc', 'pty'] as const) {
  test(`${runtime}: the detach keys leave a run, and attach comes back`, { skip: missingFor(runtime) }, async (t) => {
    const stage = openStage(t);
    const human = await sitAtShell(stage);
    const before = await human.asks('stty -a');
    const id = stage.newId();
    await human.enters(shellLine(runCommand(runtime, stage, { flags: ['-it'], id, command: shell })));
    await human.sees('inside$ ');
    human.type(`x=left${leave}`);
    assert.match(await human.sees(prompt), /\r\n\[ready\]\$ $/);
    assert.equal(await human.asks('echo $?'), '0\n');
    assert.equal(await human.asks('stty -a'), before);
    const other = attach(stage, id);
    await other.sees('x=left');
    other.type('\recho "$x" "$((6 * 7))"; exit 6\r');
    await other.sees('left 42\r\n');
    assert.equal(await within(other.exited, 'the end of the shell'), 6);
  });

  test(`${runtime}: three clients share one terminal`, { skip: missingFor(runtime) }, async (t) => {
    const stage = openStage(t);
    const id = await startShell(stage, runtime);
    const [first, second, third] = [attach(stage, id), attach(stage, id), attach(stage, '--read-only', id)];
    for (const human of [first, second, third]) await human.sees('inside$ ');
    first.type('echo from "the" first\r');
    for (const human of [first, second, third]) await human.sees('from the first\r\n');
    first.type(leave);
    assert.equal(await within(first.exited, 'the first to leave'), 0);
    process.kill(pidOfAttach(stage, '--read-only', id), 'SIGKILL');
    await within(third.exited, 'the third to be gone');
    second.type('echo from "the" second; exit 3\r');
    await second.sees('from the second\r\n');
    assert.equal(await within(second.exited, 'the end of the shell'), 3);
    assert.doesNotMatch(first.shown, /second/);
  });
}

test('a client that is killed with -9 is removed from the session', async (t) => {
  const stage = openStage(t);
  const id = await startShell(stage);
  const human = attach(stage, id);
  await human.sees('inside$ ');
  const { sessions } = await connectToDaemon(stage);
  assert.equal((await sessions.inspect({ id })).clients.length, 1);
  process.kill(pidOfAttach(stage, id), 'SIGKILL');
  await waitFor(async () => (await sessions.inspect({ id })).clients.length === 0, 'the client to be gone');
});

test('a client that detaches is gone at once, and had a name before', async (t) => {
  const stage = openStage(t);
  const id = await startShell(stage);
  const human = attach(stage, id);
  await human.sees('inside$ ');
  const { sessions } = await connectToDaemon(stage);
  const [client] = (await sessions.inspect({ id })).clients;
  assert.match(client?.label ?? '', /^\/dev\/pts\/\d+, pid \d+$/);
  assert.deepEqual([client?.columns, client?.rows], [80, 24]);
  human.type(leave);
  await within(human.exited, 'the human to leave');
  assert.deepEqual((await sessions.inspect({ id })).clients, []);
});

test('a client that is detached by another command leaves as by the keys', async (t) => {
  const { stage, id, human, before } = await attachFromShell(t);
  const { sessions } = await connectToDaemon(stage);
  const [client] = (await sessions.inspect({ id })).clients;
  await sessions.detach({ id, client: client?.client ?? 0 });
  await human.sees(prompt);
  assert.equal(await human.asks('echo $?'), '0\n');
  assert.equal(await human.asks('stty -a'), before);
});

test("a resize of the client's window reaches the process", async (t) => {
  const stage = openStage(t);
  const id = await startShell(stage);
  const human = attach(stage, id);
  await human.sees('inside$ ');
  human.resize({ columns: 101, rows: 37 });
  const { sessions } = await connectToDaemon(stage);
  await waitFor(async () => (await sessions.inspect({ id })).session?.columns === 101, 'the size to arrive');
  human.type('stty size\r');
  await human.sees('37 101\r\n');
});

test('attach --read-only types nothing, and the keys detach it', async (t) => {
  const stage = openStage(t);
  const id = await startShell(stage);
  const human = attach(stage, '--read-only', id);
  await human.sees('inside$ ');
  human.type(`echo not this\r${leave}`);
  assert.equal(await within(human.exited, 'the human to leave'), 0);
  const other = attach(stage, id);
  await other.sees('inside$ ');
  other.type('echo "but" that\r');
  assert.doesNotMatch(await other.sees('but that\r\n'), /not this/);
});

test('attach --no-stdin leaves stdin to others, and ^C detaches it', async (t) => {
  const stage = openStage(t);
  const id = await startShell(stage);
  const human = await sitAtShell(stage);
  const before = await human.asks('stty -a');
  human.type(
    `(${shellLine(termshimCommand('attach', '--no-stdin', id))}; echo "status $?"; read line; echo "got $line")\r`,
  );
  await human.sees('inside$ ');
  human.type('for the other\r');
  human.type('\x03');
  // A shell that is interrupted by ^C itself ends the list of commands.
  await human.sees(prompt);
  assert.equal(await human.asks('stty -a'), before);
});

test('attach --detach-keys detaches by other keys, and types the usual ones', async (t) => {
  const stage = openStage(t);
  const id = await startShell(stage);
  const human = attach(stage, '--detach-keys', 'ctrl-],x', id);
  await human.sees('inside$ ');
  human.type('stty raw -echo; echo re""ady; head -c 4 | od -An -tx1; stty -raw echo\r');
  await human.sees('ready');
  human.type('\x10\x11\x1dy');
  await human.sees('10 11 1d 79');
  human.type('\x1d');
  human.type('x');
  assert.equal(await within(human.exited, 'the human to leave'), 0);
});

for (const [signal, status] of [
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGQUIT', 131],
] as const) {
  test(`${signal} detaches a client and restores its terminal`, async (t) => {
    const stage = openStage(t);
    const id = await startShell(stage);
    const human = await sitAtShell(stage);
    const before = await human.asks('stty -a');
    await human.enters(shellLine(termshimCommand('attach', id)));
    await human.sees('inside$ ');
    process.kill(pidOfAttach(stage, id), signal);
    await human.sees(prompt);
    assert.equal(await human.asks('echo $?'), `${status}\n`);
    assert.equal(await human.asks('stty -a'), before);
  });
}

test('a pipeline into attach types its text, and ^D at its end', async (t) => {
  const stage = openStage(t);
  const id = await startShell(stage);
  const options = { env: stage.env, input: 'echo $((6 * 7))\n' };
  const { stdout, stderr, status } = await runToEnd(termshimCommand('attach', id), options);
  assert.match(stdout, /\r\n42\r\n/);
  assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
});

test('a reader that leaves ends the attachment and not the container', async (t) => {
  const stage = openStage(t);
  const id = stage.newId();
  const command = ['sh', '-c', 'while :; do echo tick; sleep 0.02; done'];
  await runToEnd(runCommand('pty', stage, { flags: ['-dt'], id, command }), { env: stage.env });
  stage.after(() => runToEnd(termshimCommand('delete', '-f', id), { env: stage.env }));
  const line = `${shellLine(termshimCommand('attach', '--no-stdin', id))} | head -n 1`;
  const { stdout, stderr } = await runToEnd(['sh', '-c', line], { env: stage.env });
  assert.deepEqual({ stdout, stderr }, { stdout: 'tick\r\n', stderr: '' });
  const { task } = await connectToDaemon(stage);
  assert.equal((await task.state({ id })).status, 2);
});

test('attach reports a kill of the daemon and restores the terminal', async (t) => {
  const { stage, human, before } = await attachFromShell(t);
  const daemon = stage.processes().find(({ commandLine }) => commandLine.includes('--namespace termshim'));
  process.kill(daemon?.pid ?? 0, 'SIGKILL');
  await human.sees(/termshim: [^\n]* \[ERR_DAEMON_FAILED\]\r\n/);
  await human.sees(prompt);
  assert.equal(await human.asks('stty -a'), before);
  await runToEnd(['sh', '-c', `rm -rf "$XDG_RUNTIME_DIR"/*/*`], { env: stage.env });
});

test('attach fails with one line if it cannot attach', async (t) => {
  const stage = openStage(t);
  const attaching = async (...args: string[]) => {
    const { stdout, stderr, status } = await runToEnd(termshimCommand('attach', ...args), { env: stage.env });
    assert.deepEqual({ stdout, status }, { stdout: '', status: 1 });
    return stderr;
  };
  assert.match(await attaching('nobody'), /^termshim: no daemon runs[^\n]*\[ERR_NO_DAEMON\]\n$/);
  const id = await startShell(stage);
  assert.match(
    await attaching('nobody'),
    new RegExp(`^termshim: [^\\n]*nobody[^\\n]*${id}[^\\n]* \\[ERR_PROCESS_NOT_FOUND\\]\\n$`),
  );
  const [plain, ended] = [stage.newId(), stage.newId()];
  await runToEnd(runCommand('pty', stage, { flags: ['-d'], id: plain, command: ['sleep', '1000'] }), {
    env: stage.env,
  });
  await runToEnd(runCommand('pty', stage, { flags: ['-dt'], id: ended, command: ['true'] }), { env: stage.env });
  stage.after(() => runToEnd(termshimCommand('delete', '-f', plain, ended), { env: stage.env }));
  await runToEnd(termshimCommand('wait', ended), { env: stage.env });
  assert.match(await attaching(plain), /^termshim: [^\n]*no terminal[^\n]* \[ERR_STATE_INVALID\]\n$/);
  assert.match(await attaching(ended), /^termshim: [^\n]*has ended[^\n]* \[ERR_STATE_INVALID\]\n$/);
});

test('a container whose run was detached is removed when it has ended', async (t) => {
  const stage = openStage(t);
  const id = stage.newId();
  const human = sitAt(
    stage,
    runCommand('pty', stage, { flags: ['-it'], id, command: ['sh', '-c', 'echo up; read go'] }),
  );
  await human.sees('up');
  human.type(leave);
  assert.equal(await within(human.exited, 'the human to leave'), 0);
  const { task, sessions } = await connectToDaemon(stage);
  const child = spawn('sh', ['-c', `echo | ${shellLine(termshimCommand('attach', id))}`], { env: stage.env });
  await outcomeOf(child);
  await waitFor(async () => (await sessions.list({})).sessions.length === 0, 'the container to be removed');
  await assert.rejects(task.state({ id }));
});
