/*
 * A client that attaches to a session with a kept screen gets that screen. What could break: a program has set up its
 * terminal long ago and drawn it in several steps, and the client has missed all of it; the screen that it gets differs
 * in a colour, the width of a character, the cursor, a scroll region, a mode or the screen behind the alternate one, or
 * becomes different later. The test compares a terminal that was attached from the beginning with one that has just
 * attached, cell by cell, in the middle of real programs in a container of runc, and again after each program has ended:
 * in tmux, which has its own emulator, and in the emulator of the tests, which shows its whole state. Nothing may be drawn
 * during the comparison, so `top` waits 1000 seconds.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Size } from '../../../src/os/console.js';
import { missing } from '../../helpers/base/requirement.js';
import { waitFor } from '../../helpers/base/wait-for.js';
import { termshim } from '../../helpers/e2e/termshim.js';
import { openTestbed, type Testbed } from '../../helpers/e2e/testbed.js';
import { connectToDaemon, type UserDaemon } from '../../helpers/e2e/user-daemon.js';
import { termshimCommand } from '../../helpers/runtime/run-command.js';
import { createEmulatedTerminal } from '../../helpers/sessions/emulated-terminal.js';
import { attachClient } from '../../helpers/sessions/session-client.js';
import { shellLine } from '../../helpers/sessions/terminal.js';
import { startTmux, type Tmux } from '../../helpers/sessions/tmux.js';

const skip = missing('root', 'busybox', 'runc', 'tmux');

interface Scene {
  /** Before the second client attaches. */
  before: Step[];
  /** While it is attached. */
  after: Step[];
}

const scenes: Record<string, Scene> = {
  'typing and scrolling in vi': {
    before: [
      ['busybox vi /tmp/text', /- \/tmp\/text 1\/90/],
      [['C-f', 'C-f', 'C-e', '4', 'j'], /^80 /m],
      ['oa line of 漢字 and 😀 that is typed', /is typed/],
    ],
    after: [
      ['and one more', /and one more/],
      [['Escape'], /^- \/tmp\/text \[Modified\]/m],
      [':q!', /inside:漢\$ busybox vi/],
    ],
  },
  'vi in another size': {
    before: [
      ['busybox vi /tmp/text', /- \/tmp\/text 1\/90/],
      [{ columns: 71, rows: 19 }, /- \/tmp\/text 1\/90/],
      [['G'], /90\/90/],
    ],
    after: [[':q', /inside:漢\$/]],
  },
  'less in the middle of long lines': {
    before: [
      ['busybox less -N /tmp/text', /1 end/],
      [['Space', 'j', 'j', 'k'], /^ *30 /m],
    ],
    after: [
      [['Space'], /^ *50 /m],
      [['q'], /inside:漢\$/],
    ],
  },
  top: {
    before: [['busybox top -d 1000', /Mem:.*free/]],
    after: [[['q'], /inside:漢\$/]],
  },
  'the editing of a line after a prompt in colours': {
    before: [
      [String.raw`printf '\e[31mred \e[44mon blue\e[0m \e[1;4;9mall\e[m 漢字 😀\n'; ls -l /tmp`, /text/],
      [['echo', 'Space', '漢字', '😀', 'C-a', 'C-f', 'X'], /eXcho/],
    ],
    after: [
      [['C-e', 'C-u'], /\$$/],
      ['echo done', /^done$/m],
    ],
  },
  'a program that sets every mode': {
    before: [
      [String.raw`printf '\e]2;a title 漢\a\e[?2004;1002;1006;1004h\e[?1h\e=\e[3g\e[5G\eH\e[33G\eH'`, /inside:漢\$$/],
      [String.raw`printf '\e7\e[5;12r\e[?6h\e[2;3H\e[45m'; seq 20`, /^20\S*$/m],
      [String.raw`printf '\e[?25l\e[4h\e(0qqq'; sleep 1000`, /^qqq$/m],
    ],
    after: [
      [['C-c'], /inside:漢\$$/],
      [String.raw`printf '\e8back\e[!p\e[?1002;1006l'`, /back/],
      ['seq 40', /^40$/m],
    ],
  },
  'a change to the alternate screen and back': {
    before: [
      ['seq 60', /^60$/m],
      [String.raw`printf '\e[31m\e[?1049h\e[H\e[2J'; seq 3`, /^3$/m],
    ],
    after: [
      [String.raw`printf '\e[?1049lout again: 漢\e[m\n'`, /60\n[^]*out again/],
      [['C-l'], /^\S*inside:漢\$$/],
    ],
  },
};

for (const [name, { before, after }] of Object.entries(scenes)) {
  test(`a client that attaches during ${name} gets the same screen`, { skip, timeout: 60_000 }, async (t) => {
    const session = await startSession(t);
    await session.run(...before);
    const later = await session.attach();
    await session.expectSameScreen(later);
    for (const step of after) {
      await session.run(step);
      await session.expectSameScreen(later);
    }
  });
}

/** A client in a window of tmux, and beside it a client whose output goes to an emulator. */
interface AttachedTerminals {
  readonly tmux: Tmux;
  /** Everything that tmux and the emulator show. */
  look(): Promise<string[]>;
  /** Only while no output is on its way. */
  resize(size: Size): Promise<void>;
}

/** A line, names of keys, or a size of the window; and a text that the screen shows then. */
type Step = [typed: string | string[] | Size, shows: RegExp];

interface KeptScreenSession {
  /** Types at the client that was attached from the beginning. */
  run(...steps: Step[]): Promise<void>;
  /** Attaches a new client. */
  attach(): Promise<AttachedTerminals>;
  /** Fails if the later client shows something else than the client from the beginning. */
  expectSameScreen(later: AttachedTerminals): Promise<void>;
}

/** A shell in a container of runc whose screen is kept, with a prompt in colours, and a long /tmp/text. */
async function startSession(t: TestContext): Promise<KeptScreenSession> {
  const testbed = openTestbed(t);
  writeFileSync(`${testbed.rootfs}/tmp/text`, text);
  const shell = ['env', `PS1=${prompt}`, 'LANG=C.UTF-8', 'sh'];
  const run = ['run', '-dt', '--screen', '--name', id, '--runtime', 'runc', '--rootfs', testbed.rootfs, '--', ...shell];
  assert.deepEqual(await termshim(run, { env: testbed.env }), { stdout: `${id}\n`, stderr: '', status: 0 });
  testbed.after(() => termshim(['delete', '--force', id], { env: testbed.env }));
  const { sessions } = await connectToDaemon(testbed);
  let size = { columns: 100, rows: 30 };
  let count = 0;
  const attach = () => attachTerminals(t, { testbed, sessions, size, number: count++ });
  const first = await attach();
  await first.tmux.expect(/inside:漢\$/);
  return {
    attach,
    async run(...steps) {
      for (const [typed, shows] of steps) {
        if (typeof typed === 'string') await first.tmux.type(typed);
        else if (Array.isArray(typed)) await first.tmux.press(...typed);
        else await first.resize((size = typed));
        await first.tmux.expect(shows);
      }
    },
    async expectSameScreen(later) {
      let seen: string[][] = [];
      const isSame = async (): Promise<boolean> => {
        seen = [await first.look(), await later.look()];
        return isDeepStrictEqual(seen[0], seen[1]);
      };
      await waitFor(isSame, 'both to see the same', 5000).catch(() => assert.deepEqual(seen[1], seen[0]));
    },
  };
}

/** Unique, because runc has the containers of all tests. */
const id = `kept-screen-${process.pid}`;
const prompt = String.raw`\[\e[1;32m\]in\[\e[0;38;5;39m\]side\[\e[m\]:\[\e[7m\]漢\[\e[m\]$ `;
const lines = Array.from({ length: 90 }, (_, i) => `${i + 1} ${'漢字 and 😀 and é, '.repeat((i * 7) % 9)}end`);
const text = `${lines.join('\n')}\n`;

interface AttachOptions extends Pick<UserDaemon, 'sessions'> {
  testbed: Testbed;
  size: Size;
  /** The number of earlier calls. */
  number: number;
}

async function attachTerminals(
  t: TestContext,
  { testbed, sessions, size, number }: AttachOptions,
): Promise<AttachedTerminals> {
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
