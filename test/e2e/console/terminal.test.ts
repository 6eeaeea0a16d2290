/**
 * `termshim run -it` runs in a real terminal. A terminal emulator shows faults that a bare pty does not: the screen of
 * a full-screen program, the cursor after a resize, a terminal that stays raw. tmux plays the terminal; the test sends
 * keys to it, and compares its screen.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runToEnd } from '../../helpers/base/command.js';
import { shellLine } from '../../helpers/sessions/terminal.js';
import { missing } from '../../helpers/base/requirement.js';
import { type RuntimeName, missingFor, runCommand, termshimCommand } from '../../helpers/runtime/run-command.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { type Tmux, startTmux } from '../../helpers/sessions/tmux.js';
import { waitFor } from '../../helpers/base/wait-for.js';

/** A terminal in which a shell runs in a container, and has shown its prompt. */
async function startSession(testbed: Testbed, runtime: RuntimeName, id = testbed.newId()): Promise<Tmux> {
  const tmux = await startTmux(testbed);
  const command = runCommand(runtime, testbed, { flags: ['-it'], id, command: ['env', 'PS1=inside$ ', 'sh'] });
  await tmux.type(`clear; ${shellLine(command)}; echo "status $?"`);
  await tmux.expect(/^inside\$$/m);
  return tmux;
}

for (const runtime of ['runc', 'pty'] as const) {
  const skip = missing('tmux') || missingFor(runtime);

  test(`${runtime}: a user works at a shell through copy`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const tmux = await startSession(testbed, runtime);
    await tmux.type('echo one; echo two');
    await tmux.expect(/^inside\$ echo one; echo two\none\ntwo\ninside\$$/m);
    await tmux.type('stty size');
    await tmux.expect(/\n30 100\ninside\$$/);
    await tmux.press('C-d');
    await tmux.expect(/\nstatus 0\n\[ready\]\$$/);
    await tmux.type('stty size; echo typed');
    await tmux.expect(/\[ready\]\$ stty size; echo typed\n30 100\ntyped\n\[ready\]\$$/);
  });

  test(`${runtime}: a resize of the window reaches the process`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const tmux = await startSession(testbed, runtime);
    for (const [columns, rows] of [
      [132, 43],
      [60, 12],
    ] as const) {
      // One job: of a loop of the shell's own, ^C may end one command alone, between its fork and its exec, and the loop goes on.
      await tmux.type("sh -c 'while sleep 0.05; do stty size; done'");
      await tmux.resize(columns, rows);
      await tmux.expect(new RegExp(`^${rows} ${columns}$`, 'm'));
      await tmux.press('C-c');
      await tmux.expect(/\ninside\$$/);
    }
    await tmux.type('exit 3');
    await tmux.expect(/\nstatus 3\n\[ready\]\$$/);
  });

  test(`${runtime}: ^C interrupts the program in the foreground`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const tmux = await startSession(testbed, runtime);
    await tmux.type('sleep 1000');
    await waitFor(() => testbed.processes().some((it) => it.commandLine === 'sleep 1000'), 'sleep to run');
    await tmux.press('C-c');
    await tmux.type('echo "interrupted $?"');
    await tmux.expect(/\ninterrupted 130\ninside\$$/);
    await tmux.type('exit');
    await tmux.expect(/\nstatus \d+\n\[ready\]\$$/);
  });

  test(`${runtime}: kill -9 of the shell in the container ends the session`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const tmux = await startSession(testbed, runtime);
    // The shell outside was started as `sh -i`.
    const inside = testbed.processes().find(({ commandLine }) => commandLine === 'sh');
    process.kill(inside?.pid ?? 0, 'SIGKILL');
    await tmux.expect(/status 137\n\[ready\]\$$/);
    await tmux.type('echo typed');
    await tmux.expect(/\[ready\]\$ echo typed\ntyped\n\[ready\]\$$/);
  });

  test(`${runtime}: the container goes on after kill -9 of termshim`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const id = testbed.newId();
    testbed.after(() => remove(testbed, id));
    const tmux = await startSession(testbed, runtime, id);
    const client = testbed.processes().find(({ commandLine }) => commandLine.includes('cli/main.cjs run'));
    process.kill(client?.pid ?? 0, 'SIGKILL');
    await tmux.expect(/status 137/);
    // Nobody could restore the terminal; `stty sane` and ^J, as ever, do.
    await tmux.press('C-j', 'stty', 'Space', 'sane', 'Space', '&&', 'Space', 'clear', 'C-j');
    await tmux.expect(/^\[ready\]\$$/);
    await tmux.type(shellLine(termshimCommand('attach', id)));
    await tmux.expect(/inside\$$/);
    await tmux.type('echo typed $((6 * 7))');
    await tmux.expect(/typed 42\ninside\$$/);
    await tmux.type('exit 4');
    await tmux.expect(/\[ready\]\$$/);
  });

  test(`${runtime}: the container goes on without a client after kill -9 of the terminal`, { skip }, async (t) => {
    const testbed = openTestbed(t);
    const id = testbed.newId();
    testbed.after(() => remove(testbed, id));
    const tmux = await startSession(testbed, runtime, id);
    process.kill(await tmux.serverPid(), 'SIGKILL');
    const isClient = ({ commandLine }: { commandLine: string }): boolean => commandLine.includes('cli/main.cjs run');
    await waitFor(() => !testbed.processes().some(isClient), 'termshim to be gone');
    const { stdout } = await runToEnd(termshimCommand('ps', '--format', 'json'), { env: testbed.env });
    const [session] = JSON.parse(stdout) as { state: string; clients: number }[];
    assert.deepEqual([session?.state, session?.clients], ['running', 0]);
  });
}

async function remove(testbed: Testbed, id: string): Promise<void> {
  await runToEnd(termshimCommand('delete', '--force', id), { env: testbed.env });
}

test('a full-screen program draws on the whole window', { skip: missing('tmux') || missingFor('runc') }, async (t) => {
  const testbed = openTestbed(t);
  const tmux = await startSession(testbed, 'runc');
  await tmux.type('busybox vi /tmp/poem');
  const empty = await tmux.expect(/\/tmp\/poem.*\d+%|\/tmp\/poem.*1\/1/);
  assert.equal(empty.split('\n').filter((line) => line === '~').length, 28, empty);
  await tmux.press('i');
  await tmux.type('first');
  await tmux.type('second');
  await tmux.press('Escape');
  // An Escape and a key together would be another key: the status line says when the Escape was taken.
  await tmux.expect(/^first\nsecond\n[^]*\n- \/tmp\/poem/);
  await tmux.type(':wq');
  await tmux.expect(/inside\$$/);
  assert.match(readFileSync(`${testbed.rootfs}/tmp/poem`, 'utf8'), /^first\nsecond\n/);
  await tmux.type('exit');
  await tmux.expect(/status 0\n\[ready\]\$$/);
});
