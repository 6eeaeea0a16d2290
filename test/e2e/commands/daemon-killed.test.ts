/*
 * The daemon of a user is killed while it has containers. What could break: the containers and their ids stay for ever,
 * without their terminals; the next daemon ends a container that it does not own, such as one that took the id
 * meanwhile; directories with the environment of a process stay. The test kills the real daemon, and a command, with
 * real runtimes, one of them in the middle of an exec; the processes of the containers ignore the hang-up of their
 * terminal.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { makeBundle } from '../../helpers/runtime/bundle.js';
import { runToEnd } from '../../helpers/base/command.js';
import { fakeRuntime } from '../../helpers/runtime/fake-runtime.js';
import { openTerminal } from '../../helpers/sessions/terminal.js';
import { missing } from '../../helpers/base/requirement.js';
import { type RuntimeName, missingFor, runCommand, runtimeNames } from '../../helpers/runtime/run-command.js';
import { startShimDaemon } from '../../helpers/shim/shim-daemon.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const stubborn = ['sh', '-c', 'trap "" HUP TERM; while :; do sleep 0.1; done'];

/** Of all processes, by their names. */
function directoriesOf(testbed: Testbed): string[] {
  const top = `${testbed.env['XDG_RUNTIME_DIR']}/termshim`;
  const places = entries(top).filter((name) => /^of-\d+-\w{6}$/.test(name));
  const names = places.flatMap((place) => entries(`${top}/${place}`));
  return names.map((name) => name.replace(/-\w{6}$/, '')).toSorted();
}

/** Empty for what is removed meanwhile. */
function entries(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}

/** Starts a container, and kills the daemon under it. */
async function loseDaemon(t: TestContext, runtime: RuntimeName): Promise<{ testbed: Testbed; id: string }> {
  const testbed = openTestbed(t);
  // It tells of what it has found.
  testbed.letDaemonComplain();
  const id = testbed.newId();
  const run = runCommand(runtime, testbed, { flags: ['-dt'], id, command: stubborn });
  assert.equal((await runToEnd(run, { env: testbed.env })).stdout, `${id}\n`);
  const daemons = () => testbed.processes().filter((it) => it.commandLine.includes('--namespace termshim'));
  process.kill(daemons()[0]?.pid ?? 0, 'SIGKILL');
  await waitFor(() => daemons().length === 0, 'the daemon to be gone');
  return { testbed, id };
}

for (const runtime of runtimeNames) {
  test(`${runtime}: the next daemon ends what a killed one has left, and the id is free`, {
    skip: missingFor(runtime),
  }, async (t) => {
    const { testbed, id } = await loseDaemon(t, runtime);
    assert.deepEqual(directoriesOf(testbed), ['container']);
    const again = await runToEnd(runCommand(runtime, testbed, { id, command: ['echo', 'again'] }), {
      env: testbed.env,
    });
    assert.deepEqual(again, { stdout: 'again\n', stderr: '', status: 0 });
    assert.deepEqual(directoriesOf(testbed), []);
    await waitFor(() => !testbed.processes().some((it) => it.commandLine.includes('trap')), 'the end of the container');
  });
}

test('the next daemon leaves a container alone that took the id meanwhile', { skip: missingFor('runc') }, async (t) => {
  const { testbed, id } = await loseDaemon(t, 'runc');
  spawnSync('runc', ['delete', '--force', id]);
  const bundle = makeBundle(testbed, { args: ['sleep', '1000'], terminal: false });
  assert.equal(spawnSync('runc', ['run', '-d', '--bundle', bundle, id], { stdio: 'ignore' }).status, 0);
  testbed.after(() => spawnSync('runc', ['delete', '--force', id]));
  await runToEnd(runCommand('runc', testbed, { command: ['true'] }), { env: testbed.env });
  assert.deepEqual(directoriesOf(testbed), []);
  const { status } = JSON.parse(String(spawnSync('runc', ['state', id]).stdout)) as { status: string };
  assert.equal(status, 'running');
});

for (const [kind, begin] of [
  ['a user’s', (testbed: Testbed) => runToEnd(runCommand('pty', testbed, { command: ['true'] }), { env: testbed.env })],
  [
    'containerd’s',
    (testbed: Testbed) => {
      // The socket and the log of a user's daemon are for the next of that kind.
      testbed.after(() => runToEnd(runCommand('pty', testbed, { command: ['true'] }), { env: testbed.env }));
      return startShimDaemon(testbed);
    },
  ],
] as const) {
  test(`after a kill of the daemon at any moment, ${kind}, the next daemon removes everything`, {
    skip: missing('root'),
  }, async (t) => {
    const testbed = openTestbed(t);
    testbed.letDaemonComplain();
    const id = testbed.newId();
    const runtime = fakeRuntime(testbed, { exec: 'exec sleep 1000' });
    const bundle = makeBundle(testbed, { args: ['sleep', '1000'], terminal: true, isHost: true });
    const run = [termshimProgram, 'run', '-dt', '--name', id, '--runtime', runtime, '--bundle', bundle];
    assert.equal((await runToEnd(run, { env: testbed.env })).stdout, `${id}\n`);
    openTerminal(testbed, [termshimProgram, 'exec', '-it', '-e', 'SECRET=1', id, '--', 'true']);
    const all = ['container', 'exec', 'pty', 'runtime'];
    await waitFor(() => String(directoriesOf(testbed)) === String(all), 'the exec to be under way');
    assert.match(secretsIn(testbed), /SECRET=1/);
    for (const words of ['--namespace termshim', 'cli/main.cjs exec', 'sleep 1000']) {
      const found = testbed.processes().filter(({ commandLine }) => commandLine.includes(words));
      assert.notEqual(found.length, 0, words);
      for (const { pid } of found) process.kill(pid, 'SIGKILL');
    }
    assert.deepEqual(directoriesOf(testbed), all);
    await begin(testbed);
    await waitFor(() => directoriesOf(testbed).length === 0, 'what was left to be gone');
    assert.equal(secretsIn(testbed), '');
  });
}

function secretsIn(testbed: Testbed): string {
  return String(spawnSync('grep', ['-rs', 'SECRET', `${testbed.env['XDG_RUNTIME_DIR']}`]).stdout);
}
