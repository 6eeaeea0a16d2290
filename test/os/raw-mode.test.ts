/*
 * A user cannot work at a terminal that stays raw. The test starts a program from a real shell in a real terminal; the
 * program makes the terminal raw and ends in every possible way: by itself, by a signal, by an exception, after a stop,
 * and when the window is closed and the terminal answers EIO to everything.
 */
import assert from 'node:assert/strict';
import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, describe, test } from 'node:test';
import { addon } from '../../src/native/addon.js';
import { Console } from '../../src/os/console.js';
import { fixturePath, runFixture } from '../helpers/base/fixture.js';
import { type Terminal, shellLine, openShell } from '../helpers/sessions/terminal.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { processState } from '../helpers/base/process-state.js';
import { readFrom } from '../helpers/copy/reader.js';
import { openTestbed } from '../helpers/e2e/testbed.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { startOnTty } from '../helpers/copy/tty-process.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

const { O_NONBLOCK, O_NOCTTY, O_RDWR } = constants;

describe('raw mode', () => {
  test('is entered and restored on request, and a second restore does nothing', async (scope) => {
    const { terminal, pid, modes } = await sitAtRawProgram(scope, 'restores');
    assert.equal(modes(), 'raw');
    process.kill(pid, 'SIGUSR2');
    await terminal.expect('restored');
    assert.equal(modes(), 'cooked');
    process.kill(pid, 'SIGTERM');
    await terminal.expect('[ready]$ ');
  });

  const endings: readonly (readonly [string, NodeJS.Signals, string, number])[] = [
    ['by itself, restored', 'SIGUSR2', 'ends', 0],
    ['by SIGTERM, which the program handles, not restored', 'SIGTERM', '', 3],
    ['by an uncaught exception, not restored', 'SIGUSR2', 'throws', 7],
  ];
  for (const [what, signal, scene, status] of endings) {
    test(`is restored for the shell if the program ends ${what}`, async (scope) => {
      const { terminal, pid, modes } = await sitAtRawProgram(scope, scene);
      assert.equal(modes(), 'raw');
      process.kill(pid, signal);
      await terminal.expect('[ready]$ ');
      assert.equal(modes(), 'cooked');
      const shown = await terminal.run('echo status $?');
      assert.match(shown, status === 7 ? /status [17]/ : new RegExp(`status ${status}`));
    });
  }

  test('is restored by a stop, and entered again by fg', async (scope) => {
    const { terminal, pid, modes } = await sitAtRawProgram(scope, 'restores');
    for (let round = 0; round < 2; round++) {
      process.kill(pid, 'SIGTSTP');
      await terminal.expect('[ready]$ ');
      assert.equal(processState(pid), 'T');
      assert.equal(modes(), 'cooked');
      assert.match(await terminal.run('echo here'), /here/);
      terminal.type('fg\r');
      await waitFor(() => modes() === 'raw', 'raw mode again');
    }
    process.kill(pid, 'SIGTERM');
    await terminal.expect('[ready]$ ');
    assert.equal(modes(), 'cooked');
  });

  /* The kernel sends SIGCONT along with SIGHUP, and the terminal answers EIO to everything from then on. */
  for (const isStopped of [false, true]) {
    leakTest(
      `lets the program end in its own way if the window is closed${isStopped ? ' while it is stopped' : ''}`,
      async (scope) => {
        const logPath = join(temporaryDirectory(scope), 'log');
        writeFileSync(logPath, '');
        const console = Console.open();
        scope.after(() => console.close());
        const program = [process.execPath, fixturePath('os/raw-mode'), 'hangs up', logPath];
        const { exited, pid } = startOnTty(scope, console.name, `exec ${shellLine(program)}`);
        const shown = readFrom(console.fd);
        await shown.expect(`raw in ${pid}.`);
        if (isStopped) {
          process.kill(pid, 'SIGTSTP');
          await waitFor(() => processState(pid) === 'T', 'the stop');
        }
        shown.close();
        console.close();
        await within(exited, 'its end');
        assert.equal(readFileSync(logPath, 'utf8'), 'SIGHUP\nends cleanly\n');
      },
    );
  }

  test('is not entered if stdin is not a terminal', async () => {
    assert.equal((await runFixture('os/raw-mode', ['restores'])).stdout, 'no terminal\r\n');
  });
});

async function sitAtRawProgram(
  scope: TestContext,
  scene: string,
): Promise<{ terminal: Terminal; pid: number; modes(): 'raw' | 'cooked' }> {
  const terminal = await openShell(openTestbed(scope));
  const tty = (await terminal.run('tty')).trim();
  const modes = (): 'raw' | 'cooked' => (isCanonical(tty) ? 'cooked' : 'raw');
  assert.equal(modes(), 'cooked');
  terminal.type(`${shellLine([process.execPath, fixturePath('os/raw-mode'), scene])} 2>/dev/null\r`);
  const said = await terminal.expect(/raw in \d+\./);
  return { terminal, pid: Number(/raw in (\d+)\./.exec(said)?.[1]), modes };
}

function isCanonical(tty: string): boolean {
  const fd = openSync(tty, O_RDWR | O_NOCTTY | O_NONBLOCK);
  const answer = addon.tty_end_of_file(fd);
  closeSync(fd);
  assert.ok(answer >= 0);
  return answer >= 256;
}
