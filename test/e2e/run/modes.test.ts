/**
 * After `termshim run -it` the user's terminal must have the modes that it had before, however the run ends. What could
 * break: an end that no handler notices leaves the terminal raw, without echo. A shell in a terminal that node-pty
 * plays starts termshim, and compares `stty -a` before and after.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeBundle } from '../../helpers/runtime/bundle.js';
import { runToEnd } from '../../helpers/base/command.js';
import { fakeRuntime, ptyRuntimeProgram } from '../../helpers/runtime/fake-runtime.js';
import { type Terminal, prompt, shellLine, openShell } from '../../helpers/sessions/terminal.js';
import { missingFor, runCommand, runtimeNames } from '../../helpers/runtime/run-command.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';
import { waitFor } from '../../helpers/base/wait-for.js';

/** Starts the run, ends it with `work`, and answers with what the terminal showed and the status of the run. */
async function endAsBegun(
  testbed: Testbed,
  command: readonly string[],
  work: (terminal: Terminal) => unknown,
): Promise<{ shown: string; status: number }> {
  const terminal = await openShell(testbed);
  // Modes that a reset to defaults would not bring back.
  await terminal.run('stty -ixon intr ^P susp ^Y');
  const before = await terminal.run('stty -a');
  await terminal.enter(shellLine(command));
  await work(terminal);
  const shown = await terminal.expect(prompt);
  const status = Number(await terminal.run('echo $?'));
  assert.equal(await terminal.run('stty -a'), before);
  return { shown, status };
}

/** By the time it says so, termshim has made the terminal raw. */
const loop = 'echo up; while :; do sleep 0.02; done';

for (const runtime of runtimeNames) {
  const skip = missingFor(runtime);
  const run = (testbed: Testbed, ...command: string[]) => runCommand(runtime, testbed, { flags: ['-it'], command });

  test(`${runtime}: the terminal is restored after a normal exit`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const { status } = await endAsBegun(testbed, run(testbed, 'sh', '-c', 'stty raw; exit 6'), () => {});
    assert.equal(status, 6);
  });

  test(`${runtime}: the terminal is restored after the process was killed`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const { status } = await endAsBegun(testbed, run(testbed, 'sh', '-c', loop), async (terminal) => {
      await terminal.expect('up\r\n');
      process.kill(
        pidOf(testbed, (line) => line === `sh -c ${loop}`),
        'SIGKILL',
      );
    });
    assert.equal(status, 137);
  });

  test(`${runtime}: the terminal is restored after SIGTERM to termshim, three times`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const { status } = await endAsBegun(
      testbed,
      run(testbed, 'sh', '-c', `trap "" TERM; ${loop}`),
      async (terminal) => {
        await terminal.expect('up\r\n');
        const pid = pidOf(testbed, (line) => line.includes('cli/main.cjs run'));
        for (let count = 0; count < 3; count++) await terminate(pid);
      },
    );
    assert.equal(status, 137);
  });

  test(`${runtime}: the terminal is restored after a command that does not exist`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const { status } = await endAsBegun(testbed, run(testbed, 'no-such-command'), () => {});
    assert.equal(status, 1);
  });
}

test('runc: the terminal is restored by a stop, and raw again after fg', { skip: missingFor('runc') }, async (t) => {
  const testbed = openTestbed(t);
  const terminal = await openShell(testbed);
  const before = await terminal.run('stty -a');
  await terminal.enter(
    shellLine(runCommand('runc', testbed, { flags: ['-it'], command: ['env', 'PS1=inside$ ', 'sh'] })),
  );
  await terminal.expect('inside$ ');
  for (const word of ['first', 'second']) {
    process.kill(
      pidOf(testbed, (line) => line.includes('cli/main.cjs run')),
      'SIGTSTP',
    );
    await terminal.expect(prompt);
    assert.equal(await terminal.run('stty -a'), before);
    terminal.type('fg\r');
    await terminal.expect('bin/termshim');
    terminal.type(`\recho "the" ${word}\r`);
    await terminal.expect(`the ${word}\r\n`);
  }
  terminal.type('exit\r');
  await terminal.expect(prompt);
  assert.equal(await terminal.run('stty -a'), before);
});

const cannot = 'echo "not today" >&2; exit 1';

const failures: [what: string, scripts: Record<string, string>, words: RegExp][] = [
  ['a runtime that fails to start', { start: cannot }, /not today.* \[ERR_RUNTIME_FAILED\]/],
  ['a runtime that dies when it starts', { start: 'kill -9 $$' }, /SIGKILL.* \[ERR_RUNTIME_(FAILED|DIED)\]/],
  ['a runtime that fails to delete', { delete: cannot }, /not today.* \[ERR_RUNTIME_FAILED\]/],
  ['a runtime that can neither start nor delete', { start: cannot, delete: cannot }, / \[ERR_RUNTIME_FAILED\]/],
];

for (const [what, scripts, words] of failures) {
  test(`the terminal is restored after ${what}`, async (t) => {
    const testbed = openTestbed(t);
    const id = testbed.newId();
    if ('delete' in scripts) testbed.letDaemonComplain();
    const bundle = makeBundle(testbed, { args: ['sh', '-c', 'exit 0'], terminal: true, isHost: true });
    const runtime = fakeRuntime(testbed, scripts);
    const command = [termshimProgram, 'run', '-it', '--name', id, '--runtime', runtime];
    testbed.after(() => runToEnd([ptyRuntimeProgram, 'delete', '--force', id], { env: testbed.env }));
    const { shown, status } = await endAsBegun(testbed, [...command, '--bundle', bundle], () => {});
    assert.match(shown, words);
    assert.equal(status, 1);
  });
}

function pidOf(testbed: Testbed, isWanted: (commandLine: string) => boolean): number {
  const found = testbed.processes().find(({ commandLine }) => isWanted(commandLine));
  assert.ok(found !== undefined, 'the process is not there');
  return found.pid;
}

/** Two signals of one kind are one if the first has not been taken: this waits until it was. */
async function terminate(pid: number): Promise<void> {
  const isPending = (): boolean => {
    const [, mask = '0'] = /ShdPnd:\s*([0-9a-f]+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return (BigInt(`0x${mask}`) & (1n << 14n)) !== 0n;
  };
  process.kill(pid, 'SIGTERM');
  await waitFor(() => !isPending(), 'the signal to be taken');
}
