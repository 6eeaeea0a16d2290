/**
 * `termshim run -it` in a real terminal. What could break is what a terminal emulator sees and a bare pty does not: the
 * screen of a full-screen program, the cursor after a resize, a terminal that stays raw. tmux plays the terminal; keys
 * are sent to it, and its screen is compared.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runToEnd } from '../../helpers/base/command.js';
import { shellLine } from '../../helpers/sessions/human.js';
import { missing } from '../../helpers/base/requirement.js';
import { type RuntimeName, missingFor, runCommand, termshimCommand } from '../../helpers/runtime/run-command.js';
import { type Stage, openStage } from '../../helpers/e2e/stage.js';
import { type Tmux, startTmux } from '../../helpers/sessions/tmux.js';
import { waitFor } from '../../helpers/base/wait-for.js';

/** A terminal in which a shell runs in a container, and has shown its prompt. */
async function startSession(stage: Stage, runtime: RuntimeName, id = stage.newId()): Promise<Tmux> {
  const tmux = await startTmux(stage);
  const command = runCommand(runtime, stage, { flags: ['-it'], id, command: ['env', 'PS1=inside$ ', 'sh'] });
  await tmux.types(`clear; ${shellLine(command)}; echo "status $?"`);
  await tmux.shows(/^inside\$$/m);
  return tmux;
}

for (const runtime of ['runc', 'pty'] as const) {
  const skip = missing('tmux') || missingFor(runtime);

  test(`${runtime}: a human works at a shell through copy`, { skip }, async (t) => {
    const stage = openStage(t);
    const tmux = await startSession(stage, runtime);
    await tmux.types('echo one; echo two');
    await tmux.shows(/^inside\$ echo one; echo two\none\ntwo\ninside\$$/m);
    await tmux.types('stty size');
    await tmux.shows(/\n30 100\ninside\$$/);
    await tmux.presses('C-d');
    await tmux.shows(/\nstatus 0\n\[ready\]\$$/);
    await tmux.types('stty size; echo typed');
    await tmux.shows(/\[ready\]\$ stty size; echo typed\n30 100\ntyped\n\[ready\]\$$/);
  });

  test(`${runtime}: a resize of the window reaches the process`, { skip }, async (t) => {
    const stage = openStage(t);
    const tmux = await startSession(stage, runtime);
    for (const [columns, rows] of [
      [132, 43],
      [60, 12],
    ] as const) {
      // One job: of a loop of the shell's own, ^C may end one command alone, between its fork and its exec, and the loop goes on.
      await tmux.types("sh -c 'while sleep 0.05; do stty size; done'");
      await tmux.resize(columns, rows);
      await tmux.shows(new RegExp(`^${rows} ${columns}$`, 'm'));
      await tmux.presses('C-c');
      await tmux.shows(/\ninside\$$/);
    }
    await tmux.types('exit 3');
    await tmux.shows(/\nstatus 3\n\[ready\]\$$/);
  });

  test(`${runtime}: ^C interrupts the program in the foreground`, { skip }, async (t) => {
    const stage = openStage(t);
    const tmux = await startSession(stage, runtime);
    await tmux.types('sleep 1000');
    await waitFor(() => stage.processes().some((it) => it.commandLine === 'sleep 1000'), 'sleep to run');
    await tmux.presses('C-c');
    await tmux.types('echo "interrupted $?"');
    await tmux.shows(/\ninterrupted 130\ninside\$$/);
    await tmux.types('exit');
    await tmux.shows(/\nstatus \d+\n\[ready\]\$$/);
  });

  test(`${runtime}: kill -9 of the shell in the container ends the session`, { skip }, async (t) => {
    const stage = openStage(t);
    const tmux = await startSession(stage, runtime);
    // The shell outside was started as `sh -i`.
    const inside = stage.processes().find(({ commandLine }) => commandLine === 'sh');
    process.kill(inside?.pid ?? 0, 'SIGKILL');
    await tmux.shows(/status 137\n\[ready\]\$$/);
    await tmux.types('echo typed');
    await tmux.shows(/\[ready\]\$ echo typed\ntyped\n\[ready\]\$$/);
  });

  test(`${runtime}: the container goes on after kill -9 of termshim`, { skip }, async (t) => {
    const stage = openStage(t);
    const id = stage.newId();
    stage.after(() => remove(stage, id));
    const tmux = await startSession(stage, runtime, id);
    const client = stage.processes().find(({ commandLine }) => commandLine.includes('cli/main.cjs run'));
    process.kill(client?.pid ?? 0, 'SIGKILL');
    await tmux.shows(/status 137/);
    // Nobody could restore the terminal; `stty sane` and ^J, as ever, do.
    await tmux.presses('C-j', 'stty', 'Space', 'sane', 'Space', '&&', 'Space', 'clear', 'C-j');
    await tmux.shows(/^\[ready\]\$$/);
    await tmux.types(shellLine(termshimCommand('attach', id)));
    await tmux.shows(/inside\$$/);
    await tmux.types('echo typed $((6 * 7))');
    await tmux.shows(/typed 42\ninside\$$/);
    await tmux.types('exit 4');
    await tmux.shows(/\[ready\]\$$/);
  });

  test(`${runtime}: the container goes on without a client after kill -9 of the terminal`, { skip }, async (t) => {
    const stage = openStage(t);
    const id = stage.newId();
    stage.after(() => remove(stage, id));
    const tmux = await startSession(stage, runtime, id);
    process.kill(await tmux.serverPid(), 'SIGKILL');
    const isClient = ({ commandLine }: { commandLine: string }): boolean => commandLine.includes('cli/main.cjs run');
    await waitFor(() => !stage.processes().some(isClient), 'termshim to be gone');
    const { stdout } = await runToEnd(termshimCommand('ps', '--format', 'json'), { env: stage.env });
    const [session] = JSON.parse(stdout) as { state: string; clients: number }[];
    assert.deepEqual([session?.state, session?.clients], ['running', 0]);
  });
}

async function remove(stage: Stage, id: string): Promise<void> {
  await runToEnd(termshimCommand('delete', '--force', id), { env: stage.env });
}

test('a full-screen program fills the window', { skip: missing('tmux') || missingFor('runc') }, async (t) => {
  const stage = openStage(t);
  const tmux = await startSession(stage, 'runc');
  await tmux.types('busybox vi /tmp/poem');
  const empty = await tmux.shows(/\/tmp\/poem.*\d+%|\/tmp\/poem.*1\/1/);
  assert.equal(empty.split('\n').filter((line) => line === '~').length, 28, empty);
  await tmux.presses('i');
  await tmux.types('first');
  await tmux.types('second');
  await tmux.presses('Escape');
  // An Escape and a key together would be another key: the status line says when the Escape was taken.
  await tmux.shows(/^first\nsecond\n[^]*\n- \/tmp\/poem/);
  await tmux.types(':wq');
  await tmux.shows(/inside\$$/);
  assert.match(readFileSync(`${stage.rootfs}/tmp/poem`, 'utf8'), /^first\nsecond\n/);
  await tmux.types('exit');
  await tmux.shows(/status 0\n\[ready\]\$$/);
});
