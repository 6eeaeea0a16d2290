/*
 * Several people at one terminal of a real container: two in tmux, one who is killed, one who is stopped in the middle of
 * a flood. What can break: keys of one do not show at the other, detaching takes the container along or its keys get to
 * the shell, a client that dies or stands still holds up the container or the others, and whoever comes later sees
 * nothing until something is drawn.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shellLine, sitAt } from '../../helpers/sessions/human.js';
import { missing } from '../../helpers/base/requirement.js';
import { termshimCommand } from '../../helpers/runtime/run-command.js';
import { openStage, type Stage } from '../../helpers/e2e/stage.js';
import { termshim } from '../../helpers/e2e/termshim.js';
import { startTmux } from '../../helpers/sessions/tmux.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc', 'tmux');

/** runc knows the containers of all tests, and other files run beside this one. */
const id = `human-${process.pid}`;
const attachCommand = termshimCommand('attach', id);

/** A shell in a container by runc, that nobody is attached to yet. */
async function runBox(stage: Stage): Promise<void> {
  const shell = ['env', 'PS1=inside$ ', 'sh'];
  const run = ['run', '-d', '-t', '--name', id, '--runtime', 'runc', '--rootfs', stage.rootfs, '--', ...shell];
  const { status, stderr } = await termshim(run, { env: stage.env });
  assert.deepEqual([status, stderr], [0, '']);
  stage.after(() => termshim(['delete', '--force', id], { env: stage.env }));
}

async function clientsOf(stage: Stage): Promise<number> {
  const { stdout } = await termshim(['ps', '--format', 'json'], { env: stage.env });
  return (JSON.parse(stdout) as { clients: number }[])[0]?.clients ?? -1;
}

test('two users in tmux share a session, and one detaches by keys', { skip, timeout: 120_000 }, async (t) => {
  const stage = openStage(t);
  await runBox(stage);
  const [one, two] = [await startTmux(stage, 'one'), await startTmux(stage, 'two')];
  await one.types(shellLine(attachCommand));
  await one.shows(/inside\$/);
  await two.types(shellLine(attachCommand));
  await two.shows(/inside\$/);
  await one.types('echo from one: $((6 * 7))');
  await two.shows(/from one: 42/);
  await two.types('echo from two: $((7 * 8))');
  await one.shows(/from two: 56/);
  assert.equal(await clientsOf(stage), 2);
  await two.presses('C-p', 'C-q');
  await two.shows(/\[ready\]\$$/);
  await two.types('echo back in our own shell: $?');
  await two.shows(/own shell: 0/);
  await one.types('echo still $((1 + 1))');
  await one.shows(/still 2/);
  await two.types(`clear; ${shellLine(attachCommand)}`);
  await two.shows(/still 2[\s\S]*inside\$/);
  await one.types('exit 7');
  await one.shows(/\[ready\]\$$/);
  await one.types('echo status $?');
  await one.shows(/status 7/);
});

for (const leave of ['the keys', 'SIGTERM'] as const) {
  test(`the terminal is restored after ${leave} in the middle of a drawing`, { skip, timeout: 60_000 }, async (t) => {
    const stage = openStage(t);
    await runBox(stage);
    const tmux = await startTmux(stage);
    /** Without the place of the cursor, and the cells. */
    const settings = async () => (await tmux.look()).filter((line) => /^(?!cursor_[xy])\w+=/.test(line));
    const before = await settings();
    await tmux.types(`echo "still" here; ${shellLine(attachCommand)}`);
    await tmux.shows(/inside\$/);
    await tmux.types(String.raw`printf '\e[?1049h\e[H\e[?1;1002;1006;2004h\e=\e[?25l\e[4h\e[?7l\e[5;9rdrawn'; sleep 9`);
    await tmux.shows(/^drawn/);
    assert.notDeepEqual(await settings(), before);
    if (leave === 'the keys') await tmux.presses('C-p', 'C-q');
    else process.kill(stage.processes().find((it) => it.commandLine.endsWith(` attach ${id}`))?.pid ?? 0, leave);
    await tmux.shows(/still here[^]*\[ready\]\$$/);
    assert.deepEqual(await settings(), before);
  });
}

test('a killed and a stopped client do not stop a flood for others', { skip, timeout: 120_000 }, async (t) => {
  const stage = openStage(t);
  await runBox(stage);
  const stays = sitAt(stage, attachCommand);
  await stays.sees('inside$ ');
  const killed = sitAt(stage, attachCommand);
  await killed.sees('inside$ ');
  const stalled = sitAt(stage, attachCommand);
  await stalled.sees('inside$ ');
  await waitFor(async () => (await clientsOf(stage)) === 3, 'three clients');
  const [, killedPid, stalledPid] = stage
    .processes()
    .filter(({ commandLine }) => commandLine.endsWith(` attach ${id}`))
    .map(({ pid }) => pid)
    .toSorted((a, b) => a - b) as [number, number, number];
  process.kill(killedPid, 'SIGKILL');
  process.kill(stalledPid, 'SIGSTOP');
  stage.after(() => {
    if (stage.processes().some(({ pid }) => pid === stalledPid)) process.kill(stalledPid, 'SIGKILL');
  });
  await waitFor(async () => (await clientsOf(stage)) === 2, 'the killed one to be let go');
  stays.type('i=0; while [ $i -lt 60000 ]; do echo "line $i of a flood"; i=$((i+1)); done; echo flood "is over"\r');
  await stays.sees('flood is over', 60_000);
  process.kill(stalledPid, 'SIGCONT');
  await stalled.sees(/of output skipped\]/, 30_000);
  await stalled.sees('flood is over', 30_000);
  stalled.type('echo awake $((2 + 3))\r');
  await stays.sees('awake 5');
  const late = sitAt(stage, attachCommand);
  await late.sees('awake 5');
  stays.type('exit\r');
  for (const human of [stays, stalled, late]) await within(human.exited, 'the end of a client');
});
