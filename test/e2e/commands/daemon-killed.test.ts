/*
 * The daemon of a user is killed, with containers. What could break: they stay for ever, with their ids, and nobody has their
 * terminals; the next daemon ends what is not its own to end, a container that got the id meanwhile; directories stay that
 * have the environment of a process in them. kill -9 of the real daemon, and of a command, under real runtimes, one of which
 * is in the middle of an exec; their containers pay no heed to the end of their terminal.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { makeBundle } from '../../helpers/runtime/bundle.js';
import { runToEnd } from '../../helpers/base/command.js';
import { fakeRuntime } from '../../helpers/runtime/fake-runtime.js';
import { sitAt } from '../../helpers/sessions/human.js';
import { missing } from '../../helpers/base/requirement.js';
import { type RuntimeName, missingFor, runCommand, runtimeNames } from '../../helpers/runtime/run-command.js';
import { startShimDaemon } from '../../helpers/shim/shim-daemon.js';
import { type Stage, openStage } from '../../helpers/e2e/stage.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const stubborn = ['sh', '-c', 'trap "" HUP TERM; while :; do sleep 0.1; done'];

/** Of all processes, by their names. */
function directoriesOf(stage: Stage): string[] {
  const top = `${stage.env['XDG_RUNTIME_DIR']}/termshim`;
  const places = entries(top).filter((name) => /^of-\d+-\w{6}$/.test(name));
  const names = places.flatMap((place) => entries(`${top}/${place}`));
  return names.map((name) => name.replace(/-\w{6}$/, '')).toSorted();
}

/** Empty for what is removed meanwhile. */
function entries(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}

/** Starts a container, and kills the daemon under it. */
async function loseDaemon(t: TestContext, runtime: RuntimeName): Promise<{ stage: Stage; id: string }> {
  const stage = openStage(t);
  // It tells of what it has found.
  stage.letDaemonComplain();
  const id = stage.newId();
  const run = runCommand(runtime, stage, { flags: ['-dt'], id, command: stubborn });
  assert.equal((await runToEnd(run, { env: stage.env })).stdout, `${id}\n`);
  const daemons = () => stage.processes().filter((it) => it.commandLine.includes('--namespace termshim'));
  process.kill(daemons()[0]?.pid ?? 0, 'SIGKILL');
  await waitFor(() => daemons().length === 0, 'the daemon to be gone');
  return { stage, id };
}

for (const runtime of runtimeNames) {
  test(`${runtime}: the next daemon ends what a killed one has left, and the id is free`, {
    skip: missingFor(runtime),
  }, async (t) => {
    const { stage, id } = await loseDaemon(t, runtime);
    assert.deepEqual(directoriesOf(stage), ['container']);
    const again = await runToEnd(runCommand(runtime, stage, { id, command: ['echo', 'again'] }), { env: stage.env });
    assert.deepEqual(again, { stdout: 'again\n', stderr: '', status: 0 });
    assert.deepEqual(directoriesOf(stage), []);
    await waitFor(() => !stage.processes().some((it) => it.commandLine.includes('trap')), 'the end of the container');
  });
}

test('a container that took the id meanwhile is left alone', { skip: missingFor('runc') }, async (t) => {
  const { stage, id } = await loseDaemon(t, 'runc');
  spawnSync('runc', ['delete', '--force', id]);
  const bundle = makeBundle(stage, { args: ['sleep', '1000'], terminal: false });
  assert.equal(spawnSync('runc', ['run', '-d', '--bundle', bundle, id], { stdio: 'ignore' }).status, 0);
  stage.after(() => spawnSync('runc', ['delete', '--force', id]));
  await runToEnd(runCommand('runc', stage, { command: ['true'] }), { env: stage.env });
  assert.deepEqual(directoriesOf(stage), []);
  const { status } = JSON.parse(String(spawnSync('runc', ['state', id]).stdout)) as { status: string };
  assert.equal(status, 'running');
});

for (const [kind, begin] of [
  ['a user’s', (stage: Stage) => runToEnd(runCommand('pty', stage, { command: ['true'] }), { env: stage.env })],
  [
    'containerd’s',
    (stage: Stage) => {
      // The socket and the log of a user's daemon are for the next of that kind.
      stage.after(() => runToEnd(runCommand('pty', stage, { command: ['true'] }), { env: stage.env }));
      return startShimDaemon(stage);
    },
  ],
] as const) {
  test(`a daemon that is killed at any moment leaves nothing behind the next daemon, ${kind}`, {
    skip: missing('root'),
  }, async (t) => {
    const stage = openStage(t);
    stage.letDaemonComplain();
    const id = stage.newId();
    const runtime = fakeRuntime(stage, { exec: 'exec sleep 1000' });
    const bundle = makeBundle(stage, { args: ['sleep', '1000'], terminal: true, isHost: true });
    const run = [termshimProgram, 'run', '-dt', '--name', id, '--runtime', runtime, '--bundle', bundle];
    assert.equal((await runToEnd(run, { env: stage.env })).stdout, `${id}\n`);
    sitAt(stage, [termshimProgram, 'exec', '-it', '-e', 'SECRET=1', id, '--', 'true']);
    const all = ['container', 'exec', 'pty', 'runtime'];
    await waitFor(() => String(directoriesOf(stage)) === String(all), 'the exec to be under way');
    assert.match(secretsIn(stage), /SECRET=1/);
    for (const words of ['--namespace termshim', 'cli/main.cjs exec', 'sleep 1000']) {
      const found = stage.processes().filter(({ commandLine }) => commandLine.includes(words));
      assert.notEqual(found.length, 0, words);
      for (const { pid } of found) process.kill(pid, 'SIGKILL');
    }
    assert.deepEqual(directoriesOf(stage), all);
    await begin(stage);
    await waitFor(() => directoriesOf(stage).length === 0, 'what was left to be gone');
    assert.equal(secretsIn(stage), '');
  });
}

function secretsIn(stage: Stage): string {
  return String(spawnSync('grep', ['-rs', 'SECRET', `${stage.env['XDG_RUNTIME_DIR']}`]).stdout);
}
