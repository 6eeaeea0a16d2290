/**
 * The terminal of whoever typed `termshim run -it` has afterwards the modes that it had before, however the run ends.
 * What could break: an end that no handler sees leaves the terminal raw, without echo. A shell in a terminal that
 * node-pty plays starts termshim, and compares `stty -a` before and after.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeBundle } from '../../helpers/runtime/bundle.js';
import { runToEnd } from '../../helpers/base/command.js';
import { fakeRuntime, ptyRuntimeProgram } from '../../helpers/runtime/fake-runtime.js';
import { type Human, prompt, shellLine, sitAtShell } from '../../helpers/sessions/human.js';
import { missingFor, runCommand, runtimeNames } from '../../helpers/runtime/run-command.js';
import { type Stage, openStage } from '../../helpers/e2e/stage.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';
import { waitFor } from '../../helpers/base/wait-for.js';

/** Starts the run, ends it with `work`, and answers with what the terminal showed and the status of the run. */
async function endAsBegun(
  stage: Stage,
  command: readonly string[],
  work: (human: Human) => unknown,
): Promise<{ shown: string; status: number }> {
  const human = await sitAtShell(stage);
  // Modes that a reset to defaults would not bring back.
  await human.asks('stty -ixon intr ^P susp ^Y');
  const before = await human.asks('stty -a');
  await human.enters(shellLine(command));
  await work(human);
  const shown = await human.sees(prompt);
  const status = Number(await human.asks('echo $?'));
  assert.equal(await human.asks('stty -a'), before);
  return { shown, status };
}

/** By the time it says so, termshim has made the terminal raw. */
const loop = 'echo up; while :; do sleep 0.02; done';

for (const runtime of runtimeNames) {
  const skip = missingFor(runtime);
  const run = (stage: Stage, ...command: string[]) => runCommand(runtime, stage, { flags: ['-it'], command });

  test(`${runtime}: the terminal is restored after a normal exit`, { skip }, async (t) => {
    const stage = openStage(t);
    const { status } = await endAsBegun(stage, run(stage, 'sh', '-c', 'stty raw; exit 6'), () => {});
    assert.equal(status, 6);
  });

  test(`${runtime}: the terminal is restored after the process was killed`, { skip }, async (t) => {
    const stage = openStage(t);
    const { status } = await endAsBegun(stage, run(stage, 'sh', '-c', loop), async (human) => {
      await human.sees('up\r\n');
      process.kill(
        pidOf(stage, (line) => line === `sh -c ${loop}`),
        'SIGKILL',
      );
    });
    assert.equal(status, 137);
  });

  test(`${runtime}: the terminal is restored after SIGTERM to termshim, three times`, { skip }, async (t) => {
    const stage = openStage(t);
    const { status } = await endAsBegun(stage, run(stage, 'sh', '-c', `trap "" TERM; ${loop}`), async (human) => {
      await human.sees('up\r\n');
      const pid = pidOf(stage, (line) => line.includes('cli/main.cjs run'));
      for (let count = 0; count < 3; count++) await terminate(pid);
    });
    assert.equal(status, 137);
  });

  test(`${runtime}: the terminal is restored after a command that does not exist`, { skip }, async (t) => {
    const stage = openStage(t);
    const { status } = await endAsBegun(stage, run(stage, 'no-such-command'), () => {});
    assert.equal(status, 1);
  });
}

test('runc: a stop restores the terminal, and fg makes it raw again', { skip: missingFor('runc') }, async (t) => {
  const stage = openStage(t);
  const human = await sitAtShell(stage);
  const before = await human.asks('stty -a');
  await human.enters(shellLine(runCommand('runc', stage, { flags: ['-it'], command: ['env', 'PS1=inside$ ', 'sh'] })));
  await human.sees('inside$ ');
  for (const word of ['first', 'second']) {
    process.kill(
      pidOf(stage, (line) => line.includes('cli/main.cjs run')),
      'SIGTSTP',
    );
    await human.sees(prompt);
    assert.equal(await human.asks('stty -a'), before);
    human.type('fg\r');
    await human.sees('bin/termshim');
    human.type(`\recho "the" ${word}\r`);
    await human.sees(`the ${word}\r\n`);
  }
  human.type('exit\r');
  await human.sees(prompt);
  assert.equal(await human.asks('stty -a'), before);
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
    const stage = openStage(t);
    const id = stage.newId();
    if ('delete' in scripts) stage.letDaemonComplain();
    const bundle = makeBundle(stage, { args: ['sh', '-c', 'exit 0'], terminal: true, isHost: true });
    const runtime = fakeRuntime(stage, scripts);
    const command = [termshimProgram, 'run', '-it', '--name', id, '--runtime', runtime];
    stage.after(() => runToEnd([ptyRuntimeProgram, 'delete', '--force', id], { env: stage.env }));
    const { shown, status } = await endAsBegun(stage, [...command, '--bundle', bundle], () => {});
    assert.match(shown, words);
    assert.equal(status, 1);
  });
}

function pidOf(stage: Stage, isWanted: (commandLine: string) => boolean): number {
  const found = stage.processes().find(({ commandLine }) => isWanted(commandLine));
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
