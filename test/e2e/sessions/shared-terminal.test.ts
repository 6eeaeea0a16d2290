/*
 * Several users share one terminal of a real container: two in tmux, one who is killed, one who is stopped in the
 * middle of a flood. What could break: the keys of one user do not show at the others, detaching ends the container or
 * the detach keys reach the shell, a client that dies or stalls blocks the container or the other clients, and a client
 * that attaches later shows nothing until something is drawn.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shellLine, openTerminal } from '../../helpers/sessions/terminal.js';
import { missing } from '../../helpers/base/requirement.js';
import { termshimCommand } from '../../helpers/runtime/run-command.js';
import { openTestbed, type Testbed } from '../../helpers/e2e/testbed.js';
import { termshim } from '../../helpers/e2e/termshim.js';
import { startTmux } from '../../helpers/sessions/tmux.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc', 'tmux');

/** runc knows the containers of all tests, and other files run beside this one. */
const id = `shared-terminal-${process.pid}`;
const attachCommand = termshimCommand('attach', id);

/** A shell in a container by runc, that nobody is attached to yet. */
async function startContainer(testbed: Testbed): Promise<void> {
  const shell = ['env', 'PS1=inside$ ', 'sh'];
  const run = ['run', '-d', '-t', '--name', id, '--runtime', 'runc', '--rootfs', testbed.rootfs, '--', ...shell];
  const { status, stderr } = await termshim(run, { env: testbed.env });
  assert.deepEqual([status, stderr], [0, '']);
  testbed.after(() => termshim(['delete', '--force', id], { env: testbed.env }));
}

async function clientsOf(testbed: Testbed): Promise<number> {
  const { stdout } = await termshim(['ps', '--format', 'json'], { env: testbed.env });
  return (JSON.parse(stdout) as { clients: number }[])[0]?.clients ?? -1;
}

test('two users in tmux share a session, and one detaches by the detach keys', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const testbed = openTestbed(t);
  await startContainer(testbed);
  const [one, two] = [await startTmux(testbed, 'one'), await startTmux(testbed, 'two')];
  await one.type(shellLine(attachCommand));
  await one.expect(/inside\$/);
  await two.type(shellLine(attachCommand));
  await two.expect(/inside\$/);
  await one.type('echo from one: $((6 * 7))');
  await two.expect(/from one: 42/);
  await two.type('echo from two: $((7 * 8))');
  await one.expect(/from two: 56/);
  assert.equal(await clientsOf(testbed), 2);
  await two.press('C-p', 'C-q');
  await two.expect(/\[ready\]\$$/);
  await two.type('echo back in our own shell: $?');
  await two.expect(/own shell: 0/);
  await one.type('echo still $((1 + 1))');
  await one.expect(/still 2/);
  await two.type(`clear; ${shellLine(attachCommand)}`);
  await two.expect(/still 2[\s\S]*inside\$/);
  await one.type('exit 7');
  await one.expect(/\[ready\]\$$/);
  await one.type('echo status $?');
  await one.expect(/status 7/);
});

for (const leave of ['the keys', 'SIGTERM'] as const) {
  test(`the terminal is restored after ${leave} in the middle of a drawing`, { skip, timeout: 60_000 }, async (t) => {
    const testbed = openTestbed(t);
    await startContainer(testbed);
    const tmux = await startTmux(testbed);
    /** Without the place of the cursor, and the cells. */
    const settings = async () => (await tmux.look()).filter((line) => /^(?!cursor_[xy])\w+=/.test(line));
    const before = await settings();
    await tmux.type(`echo "still" here; ${shellLine(attachCommand)}`);
    await tmux.expect(/inside\$/);
    await tmux.type(String.raw`printf '\e[?1049h\e[H\e[?1;1002;1006;2004h\e=\e[?25l\e[4h\e[?7l\e[5;9rdrawn'; sleep 9`);
    await tmux.expect(/^drawn/);
    assert.notDeepEqual(await settings(), before);
    if (leave === 'the keys') await tmux.press('C-p', 'C-q');
    else process.kill(testbed.processes().find((it) => it.commandLine.endsWith(` attach ${id}`))?.pid ?? 0, leave);
    await tmux.expect(/still here[^]*\[ready\]\$$/);
    assert.deepEqual(await settings(), before);
  });
}

test('a killed and a stopped client do not stop a flood for other clients', { skip, timeout: 120_000 }, async (t) => {
  const testbed = openTestbed(t);
  await startContainer(testbed);
  const stays = openTerminal(testbed, attachCommand);
  await stays.expect('inside$ ');
  const killed = openTerminal(testbed, attachCommand);
  await killed.expect('inside$ ');
  const stalled = openTerminal(testbed, attachCommand);
  await stalled.expect('inside$ ');
  await waitFor(async () => (await clientsOf(testbed)) === 3, 'three clients');
  const [, killedPid, stalledPid] = testbed
    .processes()
    .filter(({ commandLine }) => commandLine.endsWith(` attach ${id}`))
    .map(({ pid }) => pid)
    .toSorted((a, b) => a - b) as [number, number, number];
  process.kill(killedPid, 'SIGKILL');
  process.kill(stalledPid, 'SIGSTOP');
  testbed.after(() => {
    if (testbed.processes().some(({ pid }) => pid === stalledPid)) process.kill(stalledPid, 'SIGKILL');
  });
  await waitFor(async () => (await clientsOf(testbed)) === 2, 'the killed one to be let go');
  stays.type('i=0; while [ $i -lt 60000 ]; do echo "line $i of a flood"; i=$((i+1)); done; echo flood "is over"\r');
  await stays.expect('flood is over', 60_000);
  process.kill(stalledPid, 'SIGCONT');
  await stalled.expect(/of output skipped\]/, 30_000);
  await stalled.expect('flood is over', 30_000);
  stalled.type('echo awake $((2 + 3))\r');
  await stays.expect('awake 5');
  const late = openTerminal(testbed, attachCommand);
  await late.expect('awake 5');
  stays.type('exit\r');
  for (const terminal of [stays, stalled, late]) await within(terminal.exited, 'the end of a client');
});
