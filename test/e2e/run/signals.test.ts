/**
 * Signals to `termshim run`, at any moment of its life. What could break: a signal that comes while the container is
 * being made ends termshim and leaves the runtime, the container or files behind; the process ends with a termshim that was
 * killed, or its container stays when it has ended later. Real processes get real signals; the stage proves that nothing
 * stays.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { makeBundle } from '../../helpers/runtime/bundle.js';
import { outcomeOf } from '../../helpers/base/command.js';
import { writeProgram } from '../../helpers/runtime/fake-runtime.js';
import { prompt, shellLine, sitAt, sitAtShell } from '../../helpers/sessions/human.js';
import { missingFor, runCommand, runtimeNames, termshimCommand } from '../../helpers/runtime/run-command.js';
import { openStage } from '../../helpers/e2e/stage.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';
import { settledCount, waitFor, within } from '../../helpers/base/wait-for.js';

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} ends a run while the runtime hangs, and nothing stays`, async (t) => {
    const stage = openStage(t);
    const hanging = stage.path('hanging');
    const script = `case "$*" in *create*) echo >${hanging}; exec sleep 1000;; esac`;
    const runtime = writeProgram(stage, 'runtime', script);
    const bundle = makeBundle(stage, { args: ['true'], terminal: true, isHost: true });
    const command = ['run', '-t', '--runtime', runtime, '--bundle', bundle];
    const child = spawn(termshimProgram, command, { env: stage.env });
    const outcome = outcomeOf(child);
    await waitFor(() => existsSync(hanging), 'the runtime to hang');
    child.kill(signal);
    const { status } = await within(outcome, 'the end of the run', 5000);
    assert.notEqual(status, 0);
  });
}

test('^C returns the prompt while the runtime hangs', async (t) => {
  const stage = openStage(t);
  const hanging = stage.path('hanging');
  const runtime = writeProgram(stage, 'runtime', `case "$*" in *create*) echo >${hanging}; exec sleep 1000;; esac`);
  const bundle = makeBundle(stage, { args: ['true'], terminal: true, isHost: true });
  const human = await sitAtShell(stage);
  human.type(`${shellLine([termshimProgram, 'run', '-it', '--runtime', runtime, '--bundle', bundle])}\r`);
  await waitFor(() => existsSync(hanging), 'the runtime to hang');
  human.type('\x03');
  await human.sees(prompt);
  assert.equal(await human.asks('echo $?'), '130\n');
});

test('signals end a run whose reader has stopped reading', async (t) => {
  const stage = openStage(t);
  const command = runCommand('pty', stage, { flags: ['-t'], command: ['yes'] });
  const shell = spawn('sh', ['-c', `${shellLine(command)} | sleep 1000`], { env: stage.env, stdio: 'ignore' });
  const exited = once(shell, 'exit');
  const writer = await waitFor(() => stage.processes().find((it) => it.commandLine === 'yes')?.pid, 'yes to run');
  const written = (): number => Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${writer}/io`, 'utf8'))?.[1]);
  await waitFor(() => written() > 0, 'the first output');
  await settledCount(written, 'the output of yes');
  const termshim = stage.processes().find(({ commandLine }) => commandLine.includes('cli/main.cjs run'))?.pid ?? 0;
  const hasEnded = () => stage.processes().every(({ pid }) => pid !== termshim);
  for (let count = 0; count < 6 && !hasEnded(); count++) {
    process.kill(termshim, 'SIGTERM');
    await waitFor(hasEnded, 'termshim to end', 1000).catch(() => {});
  }
  const ended = hasEnded();
  const reader = stage.processes().find(({ commandLine }) => commandLine === 'sleep 1000');
  process.kill(reader?.pid ?? 0, 'SIGKILL');
  await exited;
  assert.ok(ended, 'six signals did not end termshim');
});

for (const [runtime, stepMs] of [
  ['runc', 10],
  ['pty', 25],
] as const) {
  test(`${runtime}: SIGTERM at any moment of a run leaves nothing behind`, { skip: missingFor(runtime) }, async (t) => {
    const stage = openStage(t);
    for (let moment = 0; moment < 20; moment++) {
      const [program = '', ...args] = runCommand(runtime, stage, { flags: ['-t'], command: ['sleep', '1000'] });
      const child = spawn(program, args, { env: stage.env, stdio: 'ignore' });
      const outcome = outcomeOf(child);
      const hasEnded = outcome.then(() => true);
      await delay(moment * stepMs);
      // The init of a container may not listen: whoever insists gets it killed.
      do child.kill('SIGTERM');
      while (!(await Promise.race([hasEnded, delay(50)])));
    }
    await stage.stopDaemon();
    await waitFor(() => stage.traces().length === 0, 'everything to be gone', 2000).catch(() => {});
    assert.deepEqual(stage.traces(), []);
  });
}

for (const runtime of runtimeNames) {
  test(`${runtime}: the process does not notice kill -9 of termshim`, { skip: missingFor(runtime) }, async (t) => {
    const stage = openStage(t);
    const id = stage.newId();
    const script = 'trap "echo hung up" HUP; echo ready; read word; echo "got $word"; exit 6';
    const human = sitAt(stage, runCommand(runtime, stage, { flags: ['-it'], id, command: ['sh', '-c', script] }));
    await human.sees('ready');
    const termshim = stage.processes().find(({ commandLine }) => commandLine.includes('cli/main.cjs run'));
    process.kill(termshim?.pid ?? 0, 'SIGKILL');
    assert.equal(await within(human.exited, 'the end of the terminal'), 137);
    const other = sitAt(stage, termshimCommand('attach', id));
    await other.sees('ready');
    other.type('this\r');
    assert.doesNotMatch(await other.sees('got this\r\n'), /hung up/);
    assert.equal(await within(other.exited, 'the end of the process'), 6);
  });
}
