/*
 * The daemon of a user is killed, with containers. What could break: they stay for ever, with their ids, and nobody has their
 * terminals; the next daemon ends what is not its own to end, a container that got the id meanwhile. kill -9 of the real daemon, under real runtimes; their containers pay no heed to the end of their terminal.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { makeBundle } from '../helpers/bundle.js';
import { runToEnd } from '../helpers/command.js';
import { type RuntimeName, missingFor, runCommand, runtimeNames } from '../helpers/run-command.js';
import { type Stage, openStage } from '../helpers/stage.js';
import { waitFor } from '../helpers/wait-for.js';

const stubborn = ['sh', '-c', 'trap "" HUP TERM; while :; do sleep 0.1; done'];

function containerDirectories(stage: Stage): string[] {
  return readdirSync(`${stage.env['XDG_RUNTIME_DIR']}/termshim`).filter((name) => name.startsWith('container-'));
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
  test(`${runtime}: the next daemon ends what is left, and the id is free`, {
    skip: missingFor(runtime),
  }, async (t) => {
    const { stage, id } = await loseDaemon(t, runtime);
    assert.equal(containerDirectories(stage).length, 1);
    const again = await runToEnd(runCommand(runtime, stage, { id, command: ['echo', 'again'] }), { env: stage.env });
    assert.deepEqual(again, { stdout: 'again\n', stderr: '', status: 0 });
    assert.deepEqual(containerDirectories(stage), []);
    await waitFor(() => !stage.processes().some((it) => it.commandLine.includes('trap')), 'the end of the container');
  });
}

test('a container that got the id meanwhile is left alone', { skip: missingFor('runc') }, async (t) => {
  const { stage, id } = await loseDaemon(t, 'runc');
  spawnSync('runc', ['delete', '--force', id]);
  const bundle = makeBundle(stage, { args: ['sleep', '1000'], terminal: false });
  assert.equal(spawnSync('runc', ['run', '-d', '--bundle', bundle, id], { stdio: 'ignore' }).status, 0);
  stage.after(() => spawnSync('runc', ['delete', '--force', id]));
  await runToEnd(runCommand('runc', stage, { command: ['true'] }), { env: stage.env });
  assert.deepEqual(containerDirectories(stage), []);
  const { status } = JSON.parse(String(spawnSync('runc', ['state', id]).stdout)) as { status: string };
  assert.equal(status, 'running');
});
