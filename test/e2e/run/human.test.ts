/**
 * `termshim run -it` as a human uses it, at a terminal that node-pty plays. What could break: typed keys do not arrive
 * or are handled by the wrong terminal, ^C ends termshim and not the process at work, a resize is not seen, the end of the
 * process leaves termshim, the end of the terminal takes the process with it. The human types, and waits for what must be shown, with a bound.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prompt, shellLine, sitAt, sitAtShell } from '../../helpers/sessions/human.js';
import { missingFor, runCommand, runtimeNames, termshimCommand } from '../../helpers/runtime/run-command.js';
import { openStage } from '../../helpers/e2e/stage.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

for (const runtime of runtimeNames) {
  const skip = missingFor(runtime);
  /** A shell in the container, whose prompt no other shell has. */
  const shell = ['env', 'PS1=inside$ ', 'sh'];

  test(`${runtime}: a shell takes what is typed, and exits as told`, { skip }, async (t) => {
    const stage = openStage(t);
    const human = sitAt(stage, runCommand(runtime, stage, { flags: ['-it'], command: shell }));
    await human.sees('inside$ ');
    human.type('echo $((6 * 7)) "a""b"\r');
    await human.sees('42 ab\r\n');
    await human.sees('inside$ ');
    human.type('exit 9\r');
    assert.equal(await within(human.exited, 'the end of the run'), 9);
  });

  test(`${runtime}: each key arrives unchanged`, { skip }, async (t) => {
    const stage = openStage(t);
    const script = 'stty raw -echo; echo ready; head -c 6 | od -An -tx1';
    const command = ['sh', '-c', script.replace('od', runtime === 'pty' ? 'od' : 'busybox od')];
    const human = sitAt(stage, runCommand(runtime, stage, { flags: ['-it'], command }));
    await human.sees('ready');
    // ^C, ^D, ^Z, ^\, CR and ^S: each of them means something to a terminal that is not raw.
    human.type('\x03\x04\x1a\x1c\r\x13');
    await human.sees('03 04 1a 1c 0d 13');
    assert.equal(await within(human.exited, 'the end of the run'), 0);
  });

  test(`${runtime}: a resize of the window reaches the process with SIGWINCH`, { skip }, async (t) => {
    const stage = openStage(t);
    const script = 'trap "stty size" WINCH; stty size; while :; do sleep 0.02; done';
    const human = sitAt(stage, runCommand(runtime, stage, { flags: ['-it'], command: ['sh', '-c', script] }));
    await human.sees('24 80\r\n');
    human.resize({ columns: 132, rows: 50 });
    await human.sees('50 132\r\n');
    human.resize({ columns: 20, rows: 5 });
    await human.sees('5 20\r\n');
    human.type('\x03');
    assert.equal(await within(human.exited, 'the end of the run'), 130);
  });

  test(`${runtime}: ^C interrupts the program in the foreground, and the shell goes on`, { skip }, async (t) => {
    const stage = openStage(t);
    const human = sitAt(stage, runCommand(runtime, stage, { flags: ['-it'], command: shell }));
    await human.sees('inside$ ');
    human.type('sleep 1000\r');
    await waitFor(() => stage.processes().some((it) => it.commandLine === 'sleep 1000'), 'sleep to run');
    human.type('\x03');
    await human.sees('inside$ ');
    human.type('echo status $?\r');
    await human.sees('status 130\r\n');
    human.type('exit\r');
    await within(human.exited, 'the end of the run');
  });

  test(`${runtime}: ^C without -i sends a signal to the process`, { skip }, async (t) => {
    const stage = openStage(t);
    const script = 'trap "echo interrupted; exit 9" INT; echo ready; while :; do sleep 0.02; done';
    const command = runCommand(runtime, stage, { flags: ['-t'], command: ['sh', '-c', script] });
    const human = sitAt(stage, command);
    await human.sees('ready');
    human.type('\x03');
    await human.sees('interrupted');
    assert.equal(await within(human.exited, 'the end of the run'), 9);
  });

  test(`${runtime}: ^D at the prompt ends the shell`, { skip }, async (t) => {
    const stage = openStage(t);
    const human = sitAt(stage, runCommand(runtime, stage, { flags: ['-it'], command: shell }));
    await human.sees('inside$ ');
    human.type('\x04');
    assert.equal(await within(human.exited, 'the end of the run'), 0);
  });

  test(`${runtime}: the process goes on after the window was closed, and attach returns to it`, {
    skip,
  }, async (t) => {
    const stage = openStage(t);
    const id = stage.newId();
    const script = 'trap "echo hung up" HUP; echo ready; read word; echo "got $word"; exit 6';
    const human = sitAt(stage, runCommand(runtime, stage, { flags: ['-it'], id, command: ['sh', '-c', script] }));
    await human.sees('ready');
    human.leave();
    assert.equal(await within(human.exited, 'the end of the run'), 129);
    const other = sitAt(stage, termshimCommand('attach', id));
    await other.sees('ready');
    other.type('this\r');
    assert.doesNotMatch(await other.sees('got this\r\n'), /hung up/);
    assert.equal(await within(other.exited, 'the end of the process'), 6);
  });

  test(`${runtime}: two runs work one after the other in one terminal`, { skip }, async (t) => {
    const stage = openStage(t);
    const human = await sitAtShell(stage);
    for (const word of ['first', 'second']) {
      await human.enters(shellLine(runCommand(runtime, stage, { flags: ['-it'], command: shell })));
      await human.sees('inside$ ');
      human.type(`echo the "${word}"; exit 3\r`);
      await human.sees(`the ${word}\r\n`);
      await human.sees(prompt);
      assert.equal(await human.asks('echo $?'), '3\n');
    }
  });
}

test('the end of a pipeline into run -it at a terminal types ^D', async (t) => {
  const stage = openStage(t);
  const command = runCommand('pty', stage, { flags: ['-it'], command: ['sh', '-c', 'cat; exit 5'] });
  const human = sitAt(stage, ['sh', '-c', `printf 'one\\ntwo' | ${shellLine(command)}`]);
  await human.sees('two');
  assert.equal(await within(human.exited, 'the end of the run'), 5);
  // Our own terminal keeps its modes, and so makes CR LF of the LF in CR LF.
  assert.equal(human.shown, 'one\r\r\ntwoone\r\r\ntwo');
});
