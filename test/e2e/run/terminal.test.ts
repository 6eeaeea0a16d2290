/**
 * A user runs `termshim run -it` at a terminal, which node-pty plays. What could break: typed keys do not arrive or are
 * handled by the wrong terminal, ^C ends termshim and not the running process, a resize is not noticed, the process
 * ends and termshim stays, or the process ends when the terminal closes or termshim is killed. Each test types, and
 * waits with a bound for the expected output.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Terminal, openShell, openTerminal, prompt, shellLine } from '../../helpers/sessions/terminal.js';
import { missingFor, runCommand, runtimeNames, termshimCommand } from '../../helpers/runtime/run-command.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

/** Each ends a `termshim run` at the terminal, with the exit status of the command. */
const endsOfTermshim: readonly [what: string, end: (testbed: Testbed, terminal: Terminal) => void, status: number][] = [
  ['the window was closed', (_, terminal) => terminal.leave(), 129],
  [
    'kill -9 of termshim',
    (testbed) => {
      const termshim = testbed.processes().find(({ commandLine }) => commandLine.includes('cli/main.cjs run'));
      process.kill(termshim?.pid ?? 0, 'SIGKILL');
    },
    137,
  ],
];

for (const runtime of runtimeNames) {
  const skip = missingFor(runtime);
  /** A shell in the container, whose prompt no other shell has. */
  const shell = ['env', 'PS1=inside$ ', 'sh'];

  test(`${runtime}: a shell gets what is typed, and run returns its exit status`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const terminal = openTerminal(testbed, runCommand(runtime, testbed, { flags: ['-it'], command: shell }));
    await terminal.expect('inside$ ');
    terminal.type('echo $((6 * 7)) "a""b"\r');
    await terminal.expect('42 ab\r\n');
    await terminal.expect('inside$ ');
    terminal.type('exit 9\r');
    assert.equal(await within(terminal.exited, 'the end of the run'), 9);
  });

  test(`${runtime}: each key arrives unchanged`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const script = 'stty raw -echo; echo ready; head -c 6 | od -An -tx1';
    const command = ['sh', '-c', script.replace('od', runtime === 'pty' ? 'od' : 'busybox od')];
    const terminal = openTerminal(testbed, runCommand(runtime, testbed, { flags: ['-it'], command }));
    await terminal.expect('ready');
    // ^C, ^D, ^Z, ^\, CR and ^S: each of them means something to a terminal that is not raw.
    terminal.type('\x03\x04\x1a\x1c\r\x13');
    await terminal.expect('03 04 1a 1c 0d 13');
    assert.equal(await within(terminal.exited, 'the end of the run'), 0);
  });

  test(`${runtime}: a resize of the window reaches the process with SIGWINCH`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const script = 'trap "stty size" WINCH; stty size; while :; do sleep 0.02; done';
    const terminal = openTerminal(
      testbed,
      runCommand(runtime, testbed, { flags: ['-it'], command: ['sh', '-c', script] }),
    );
    await terminal.expect('24 80\r\n');
    terminal.resize({ columns: 132, rows: 50 });
    await terminal.expect('50 132\r\n');
    terminal.resize({ columns: 20, rows: 5 });
    await terminal.expect('5 20\r\n');
    terminal.type('\x03');
    assert.equal(await within(terminal.exited, 'the end of the run'), 130);
  });

  test(`${runtime}: ^C interrupts the program in the foreground, and the shell goes on`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const terminal = openTerminal(testbed, runCommand(runtime, testbed, { flags: ['-it'], command: shell }));
    await terminal.expect('inside$ ');
    terminal.type('sleep 1000\r');
    await waitFor(() => testbed.processes().some((it) => it.commandLine === 'sleep 1000'), 'sleep to run');
    terminal.type('\x03');
    await terminal.expect('inside$ ');
    terminal.type('echo status $?\r');
    await terminal.expect('status 130\r\n');
    terminal.type('exit\r');
    await within(terminal.exited, 'the end of the run');
  });

  test(`${runtime}: ^C without -i sends a signal to the process`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const script = 'trap "echo interrupted; exit 9" INT; echo ready; while :; do sleep 0.02; done';
    const command = runCommand(runtime, testbed, { flags: ['-t'], command: ['sh', '-c', script] });
    const terminal = openTerminal(testbed, command);
    await terminal.expect('ready');
    terminal.type('\x03');
    await terminal.expect('interrupted');
    assert.equal(await within(terminal.exited, 'the end of the run'), 9);
  });

  test(`${runtime}: ^D at the prompt ends the shell`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const terminal = openTerminal(testbed, runCommand(runtime, testbed, { flags: ['-it'], command: shell }));
    await terminal.expect('inside$ ');
    terminal.type('\x04');
    assert.equal(await within(terminal.exited, 'the end of the run'), 0);
  });

  for (const [what, end, status] of endsOfTermshim) {
    test(`${runtime}: the process goes on after ${what}, and attach returns to it`, { skip }, async (t) => {
      const testbed = openTestbed(t);
      const id = testbed.newId();
      const script = 'trap "echo hung up" HUP; echo ready; read word; echo "got $word"; exit 6';
      const command = ['sh', '-c', script];
      const terminal = openTerminal(testbed, runCommand(runtime, testbed, { flags: ['-it'], id, command }));
      await terminal.expect('ready');
      end(testbed, terminal);
      assert.equal(await within(terminal.exited, 'the end of the run'), status);
      const other = openTerminal(testbed, termshimCommand('attach', id));
      await other.expect('ready');
      other.type('this\r');
      assert.doesNotMatch(await other.expect('got this\r\n'), /hung up/);
      assert.equal(await within(other.exited, 'the end of the process'), 6);
    });
  }

  test(`${runtime}: two runs work one after the other in one terminal`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const terminal = await openShell(testbed);
    for (const word of ['first', 'second']) {
      await terminal.enter(shellLine(runCommand(runtime, testbed, { flags: ['-it'], command: shell })));
      await terminal.expect('inside$ ');
      terminal.type(`echo the "${word}"; exit 3\r`);
      await terminal.expect(`the ${word}\r\n`);
      await terminal.expect(prompt);
      assert.equal(await terminal.run('echo $?'), '3\n');
    }
  });
}

test('the end of a pipeline into run -it at a terminal types ^D', async (t) => {
  const testbed = openTestbed(t);
  const command = runCommand('pty', testbed, { flags: ['-it'], command: ['sh', '-c', 'cat; exit 5'] });
  const terminal = openTerminal(testbed, ['sh', '-c', `printf 'one\\ntwo' | ${shellLine(command)}`]);
  await terminal.expect('two');
  assert.equal(await within(terminal.exited, 'the end of the run'), 5);
  // Our own terminal keeps its modes, and so makes CR LF of the LF in CR LF.
  assert.equal(terminal.shown, 'one\r\r\ntwoone\r\r\ntwo');
});
