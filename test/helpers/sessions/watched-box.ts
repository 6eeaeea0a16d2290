/** A shell in a container of runc whose screen is kept, and several who look at it, each through two terminals. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Size } from '../../../src/os/console.js';
import { createEmulatedTerminal } from './emulated-terminal.js';
import { shellLine } from './terminal.js';
import { termshimCommand } from '../runtime/run-command.js';
import { attachClient } from './session-client.js';
import { openTestbed, type Testbed } from '../e2e/testbed.js';
import { termshim } from '../e2e/termshim.js';
import { startTmux, type Tmux } from './tmux.js';
import { connectToDaemon, type UserDaemon } from '../e2e/user-daemon.js';
import { waitFor } from '../base/wait-for.js';

/** Somebody at a window of tmux, and beside it an emulator that gets the same bytes. */
export interface Watcher {
  readonly tmux: Tmux;
  /** All that both show. */
  look(): Promise<string[]>;
  /** Nothing must be under way. */
  resize(size: Size): Promise<void>;
}

/** What is typed, as a line or as keys by their names, or the size of the window; and what is to be seen then. */
export type Step = [typed: string | string[] | Size, expect: RegExp];

export interface Box {
  /** Done by who has looked at it from the beginning. */
  does(...steps: Step[]): Promise<void>;
  /** Somebody attaches. */
  watch(): Promise<Watcher>;
  /** Fails if they do not see what is seen by who has looked from the beginning. */
  seesTheSame(later: Watcher): Promise<void>;
}

/** It has a prompt in colours, and a long /tmp/text. */
export async function openBox(t: TestContext): Promise<Box> {
  const testbed = openTestbed(t);
  writeFileSync(`${testbed.rootfs}/tmp/text`, text);
  const shell = ['env', `PS1=${prompt}`, 'LANG=C.UTF-8', 'sh'];
  const run = ['run', '-dt', '--screen', '--name', id, '--runtime', 'runc', '--rootfs', testbed.rootfs, '--', ...shell];
  assert.deepEqual(await termshim(run, { env: testbed.env }), { stdout: `${id}\n`, stderr: '', status: 0 });
  testbed.after(() => termshim(['delete', '--force', id], { env: testbed.env }));
  const { sessions } = await connectToDaemon(testbed);
  let size = { columns: 100, rows: 30 };
  let count = 0;
  const watch = () => watchBox(t, { testbed, sessions, size, number: count++ });
  const first = await watch();
  await first.tmux.expect(/inside:漢\$/);
  return {
    watch,
    async does(...steps) {
      for (const [typed, expect] of steps) {
        if (typeof typed === 'string') await first.tmux.type(typed);
        else if (Array.isArray(typed)) await first.tmux.press(...typed);
        else await first.resize((size = typed));
        await first.tmux.expect(expect);
      }
    },
    async seesTheSame(later) {
      let seen: string[][] = [];
      const isSame = async (): Promise<boolean> => {
        seen = [await first.look(), await later.look()];
        return isDeepStrictEqual(seen[0], seen[1]);
      };
      await waitFor(isSame, 'both to see the same', 5000).catch(() => assert.deepEqual(seen[1], seen[0]));
    },
  };
}

/** runc knows the containers of all tests. */
const id = `box-${process.pid}`;
const prompt = String.raw`\[\e[1;32m\]in\[\e[0;38;5;39m\]side\[\e[m\]:\[\e[7m\]漢\[\e[m\]$ `;
const lines = Array.from({ length: 90 }, (_, i) => `${i + 1} ${'漢字 and 😀 and é, '.repeat((i * 7) % 9)}end`);
const text = `${lines.join('\n')}\n`;

interface WatchOptions extends Pick<UserDaemon, 'sessions'> {
  testbed: Testbed;
  size: Size;
  /** How many were there before. */
  number: number;
}

async function watchBox(t: TestContext, { testbed, sessions, size, number }: WatchOptions): Promise<Watcher> {
  const tmux = await startTmux(testbed, `tmux-${number}`);
  await tmux.resize(size.columns, size.rows);
  await tmux.type(shellLine(termshimCommand('attach', id)));
  const isThere = async (): Promise<boolean> => (await sessions.inspect({ id })).clients.length > number * 2;
  await waitFor(isThere, 'the client');
  const { output } = await attachClient(t, sessions, { id, isReadOnly: true, columns: 0, rows: 0 });
  const emulated = await createEmulatedTerminal(size);
  t.after(() => emulated.close());
  let fedBytes = 0;
  const feed = (): void => {
    emulated.feed(output.bytes().subarray(fedBytes));
    fedBytes = output.byteCount;
  };
  return {
    tmux,
    async look() {
      const seen = await tmux.look();
      feed();
      return [...seen, ...emulated.describe()];
    },
    async resize(to) {
      feed();
      emulated.resize(to);
      await tmux.resize(to.columns, to.rows);
    },
  };
}
