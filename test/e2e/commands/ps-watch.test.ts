/*
 * `ps --watch` changes the terminal: the alternate screen, a hidden cursor, raw mode. If it ends by a key, a signal or
 * an error, or is stopped, the user must find the screen and the modes unchanged. The terminal is a real one, tmux,
 * which reports its screen and cursor; stty reports the modes.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { type TestContext, describe, test } from 'node:test';
import { Console } from '../../../src/os/console.js';
import { runToEnd } from '../../helpers/base/command.js';
import { type FakeDaemonOptions, serveFakeDaemon, session } from '../../helpers/e2e/fake-daemon.js';
import { readFrom } from '../../helpers/copy/reader.js';
import { missing } from '../../helpers/base/requirement.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { startTermshim, termshimProgram } from '../../helpers/e2e/termshim.js';
import { type Tmux, startTmux } from '../../helpers/sessions/tmux.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const line = `${termshimProgram} ps --watch`;

interface Watching {
  tmux: Tmux;
  testbed: Testbed;
  pid: number;
  /** Fails unless the terminal is as it was, with `status` for the last command. */
  restored(status: number): Promise<void>;
}

/** Starts it below a line of text, and waits until it shows the container. */
async function watch(t: TestContext, options: FakeDaemonOptions = { list: [session('web')] }): Promise<Watching> {
  const testbed = openTestbed(t);
  const { env } = serveFakeDaemon(t, options);
  const tmux = await startTmux({ ...testbed, env: { ...testbed.env, XDG_RUNTIME_DIR: env['XDG_RUNTIME_DIR'] } });
  await tmux.type('echo "here I was"');
  await tmux.expect(/^here I was$/m);
  await tmux.type(`cd ${testbed.directory}; stty -g > before; ${line}; echo status $?; stty -g > after`);
  await tmux.expect(/^web .* running/m);
  const pid = await waitFor(
    () => testbed.processes().find((it) => it.commandLine.endsWith('ps --watch'))?.pid,
    'the process',
  );
  const restored = async (status: number): Promise<void> => {
    const screen = await tmux.expect(new RegExp(`^status ${status}$`, 'm'));
    assert.match(screen, /here I was/);
    assert.ok(!/^ID /m.test(screen), screen);
    await tmux.type('cmp before after && echo the same modes');
    await tmux.expect(/^the same modes$/m);
    assert.equal(await cursorIsShown(testbed), '1\n');
  };
  return { tmux, testbed, pid, restored };
}

async function cursorIsShown(testbed: Testbed): Promise<string> {
  const ask = ['tmux', '-S', testbed.path('tmux'), 'display-message', '-p', '#{cursor_flag}'];
  return (await runToEnd(ask, { env: testbed.env })).stdout;
}

describe('ps --watch at a terminal', { skip: missing('tmux') }, () => {
  test('ends at q', async (t) => {
    const { tmux, restored } = await watch(t);
    await tmux.press('q');
    await restored(0);
  });

  test('ends at ^C with status 0', async (t) => {
    const { tmux, restored } = await watch(t);
    await tmux.press('C-c');
    await restored(0);
  });

  for (const [signal, status] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGQUIT', 131],
  ] as const) {
    test(`ends at ${signal}, with its status`, async (t) => {
      const { pid, restored } = await watch(t);
      process.kill(pid, signal);
      await restored(status);
    });
  }

  test('ends with an error if the daemon answers with one', async (t) => {
    let asked = 0;
    const list = () => {
      if (++asked > 1) throw new Error('the daemon has a bug');
      return { sessions: [session('web')] };
    };
    const { tmux, restored } = await watch(t, { sessions: { list } });
    await restored(1);
    assert.match(await tmux.screen(), /^termshim: the daemon has a bug \[ERR_\w+\]$/m);
  });

  test('shows new sessions, also after a resize of the window', async (t) => {
    const list = [session('web')];
    const { tmux, restored } = await watch(t, { sessions: { list: () => ({ sessions: list }) } });
    for (let i = 0; i < 20; i++) list.push(session(`worker-${i}`));
    await tmux.expect(/^worker-19 /m);
    await tmux.resize(60, 10);
    const screen = await tmux.expect(/^13 more$/m);
    assert.ok(screen.split('\n').length <= 10, screen);
    await tmux.press('q');
    await restored(0);
  });

  test('restores the terminal while it is stopped', async (t) => {
    const { tmux, restored } = await watch(t);
    await tmux.press('C-z');
    await tmux.expect(/here I was[^]*Stopped/);
    await tmux.type('fg');
    await tmux.expect(/^web .* running/m);
    await tmux.press('q');
    await tmux.expect(/here I was[^]*\[ready\]\$$/);
    await tmux.type('stty -g > after; echo status 0');
    await restored(0);
  });
});

test('ps --watch treats a terminal of 0x0 as one of 80x24', async (t) => {
  const { env } = serveFakeDaemon(t, { list: Array.from({ length: 30 }, (_, i) => session(`web-${i}`)) });
  const console = Console.open({ columns: 0, rows: 0 });
  const screen = readFrom(console.fd);
  const tty = openSync(console.name, constants.O_RDWR | constants.O_NOCTTY);
  const child = startTermshim(['ps', '--watch'], { env, stdio: [tty, tty, tty] });
  t.after(() => {
    child.kill('SIGKILL');
    screen.close();
    console.close();
  });
  closeSync(tty);
  await screen.expect('8 more');
  writeSync(console.fd, 'q');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.ok(screen.text().includes('web-21 ') && !screen.text().includes('web-22 '));
});
