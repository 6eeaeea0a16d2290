/**
 * `termshim run` may get a signal at any moment of its life. What could break: a signal during the creation of the
 * container ends termshim and leaves the runtime, the container or files behind; or a run whose reader has stopped does
 * not end. Real processes get real signals; the testbed proves that nothing stays. terminal.test.ts has the kill -9 of
 * a run.
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
import { prompt, shellLine, openShell } from '../../helpers/sessions/terminal.js';
import { missingFor, runCommand } from '../../helpers/runtime/run-command.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';
import { settledCount, waitFor, within } from '../../helpers/base/wait-for.js';

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} ends a run while the runtime hangs, and nothing stays`, async (t) => {
    const testbed = openTestbed(t);
    const hanging = testbed.path('hanging');
    const script = `case "$*" in *create*) echo >${hanging}; exec sleep 1000;; esac`;
    const runtime = writeProgram(testbed, 'runtime', script);
    const bundle = makeBundle(testbed, { args: ['true'], terminal: true, isHost: true });
    const command = ['run', '-t', '--runtime', runtime, '--bundle', bundle];
    const child = spawn(termshimProgram, command, { env: testbed.env });
    const outcome = outcomeOf(child);
    await waitFor(() => existsSync(hanging), 'the runtime to hang');
    child.kill(signal);
    const { status } = await within(outcome, 'the end of the run', 5000);
    assert.notEqual(status, 0);
  });
}

test('^C returns the prompt while the runtime hangs', async (t) => {
  const testbed = openTestbed(t);
  const hanging = testbed.path('hanging');
  const runtime = writeProgram(testbed, 'runtime', `case "$*" in *create*) echo >${hanging}; exec sleep 1000;; esac`);
  const bundle = makeBundle(testbed, { args: ['true'], terminal: true, isHost: true });
  const terminal = await openShell(testbed);
  terminal.type(`${shellLine([termshimProgram, 'run', '-it', '--runtime', runtime, '--bundle', bundle])}\r`);
  await waitFor(() => existsSync(hanging), 'the runtime to hang');
  terminal.type('\x03');
  await terminal.expect(prompt);
  assert.equal(await terminal.run('echo $?'), '130\n');
});

test('signals end a run whose reader has stopped reading', async (t) => {
  const testbed = openTestbed(t);
  const command = runCommand('pty', testbed, { flags: ['-t'], command: ['yes'] });
  const shell = spawn('sh', ['-c', `${shellLine(command)} | sleep 1000`], { env: testbed.env, stdio: 'ignore' });
  const exited = once(shell, 'exit');
  const writer = await waitFor(() => testbed.processes().find((it) => it.commandLine === 'yes')?.pid, 'yes to run');
  const written = (): number => Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${writer}/io`, 'utf8'))?.[1]);
  await waitFor(() => written() > 0, 'the first output');
  await settledCount(written, 'the output of yes');
  const termshim = testbed.processes().find(({ commandLine }) => commandLine.includes('cli/main.cjs run'))?.pid ?? 0;
  const hasEnded = () => testbed.processes().every(({ pid }) => pid !== termshim);
  for (let count = 0; count < 6 && !hasEnded(); count++) {
    process.kill(termshim, 'SIGTERM');
    await waitFor(hasEnded, 'termshim to end', 1000).catch(() => {});
  }
  const ended = hasEnded();
  const reader = testbed.processes().find(({ commandLine }) => commandLine === 'sleep 1000');
  process.kill(reader?.pid ?? 0, 'SIGKILL');
  await exited;
  assert.ok(ended, 'six signals did not end termshim');
});

for (const [runtime, stepMs] of [
  ['runc', 10],
  ['pty', 25],
] as const) {
  test(`${runtime}: SIGTERM at any moment of a run leaves nothing behind`, { skip: missingFor(runtime) }, async (t) => {
    const testbed = openTestbed(t);
    for (let moment = 0; moment < 20; moment++) {
      const [program = '', ...args] = runCommand(runtime, testbed, { flags: ['-t'], command: ['sleep', '1000'] });
      const child = spawn(program, args, { env: testbed.env, stdio: 'ignore' });
      const outcome = outcomeOf(child);
      const hasEnded = outcome.then(() => true);
      await delay(moment * stepMs);
      // The init of a container may not listen: whoever insists gets it killed.
      do child.kill('SIGTERM');
      while (!(await Promise.race([hasEnded, delay(50)])));
    }
    await testbed.stopDaemon();
    await waitFor(() => testbed.leftovers().length === 0, 'everything to be gone', 2000).catch(() => {});
    assert.deepEqual(testbed.leftovers(), []);
  });
}
