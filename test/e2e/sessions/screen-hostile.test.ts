/*
 * A container whose screen is kept may be hostile. An emulator in the daemon, which serves everybody's terminals,
 * interprets its output: a few bytes could keep the emulator busy for hours, or make it use all memory. The test writes
 * such bytes on the largest possible screen while a user types at another container of the same daemon. That user must
 * get an answer within a second and must see the right screen afterwards, the daemon must stay small, and the hostile
 * session must go on, with its screen, or without it and with a notice to its clients.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import type { Session } from '../../../src/ttrpc/gen/termshim/sessions.js';
import { missing } from '../../helpers/base/requirement.js';
import { attachClient, type SessionClient } from '../../helpers/sessions/session-client.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { termshim } from '../../helpers/e2e/termshim.js';
import { connectToDaemon } from '../../helpers/e2e/user-daemon.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc');

/** For a shell of busybox. */
const harm: Record<string, string> = {
  'scrolls two thousand million lines': String.raw`printf 'a\033[2147483647S'`,
  'repeats and moves as often': String.raw`printf 'a\033[2147483647b\033[2147483647T\033[2147483647I\033[2147483647L'`,
  'clears and fills the screen again and again': repeated(String.raw`\033#8\033[2J\033[1;1H\033[J\033c`, 2000),
  'leaves and enters the alternate screen again and again': repeated(String.raw`\033[?1049h\033[?1049l`, 20_000),
  'has a title of 10 MB': String.raw`printf '\033]2;'; head -c 10000000 /dev/zero | tr '\0' x; printf '\a'`,
  'has ten thousand titles': String.raw`awk 'BEGIN { t = sprintf("%4000s", "t"); for (i = 0; i < 10000; i++) printf "\033]2;%s%d\a\033[22;0t", t, i }'`,
  'has a million hyperlinks, of 90 MB': String.raw`awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "\033]8;;http://link/%d/%060d\033\\z", i, i }'`,
  'has a picture of 20 MB': String.raw`printf '\033Pq'; head -c 20000000 /dev/zero | tr '\0' x; printf '\033\\'`,
  'combines a million accents': String.raw`awk 'BEGIN { printf "a"; for (i = 0; i < 1000000; i++) printf "\314\201" }'`,
  'changes its size all the time': `i=0; while [ $i -lt 300 ]; do i=$((i+1)); stty cols $((2 + i * 3)) rows $((500 - i)); echo $i; done`,
};

function repeated(text: string, count: number): string {
  return `awk 'BEGIN { for (i = 0; i < ${count}; i++) printf "${text}" }'`;
}

interface Scene {
  id: string;
  /** Looks at the harmful container. */
  look(replay: boolean): Promise<SessionClient>;
  /** Whether it has written all. */
  isDone(): boolean;
  /** As `ps` tells it. */
  describe(): Promise<Session>;
  /** What the commands print of it. */
  inspect(): Promise<string>;
  /** Somebody types at the other container while `isOver` says no; all are answered within a second. */
  typeUntil(isOver: () => boolean | Promise<boolean>): Promise<void>;
  /** Of the daemon, since it began. */
  mostBytes(): number;
  /** The screen of the other container is what it has to be. */
  bystanderIsThere(): Promise<void>;
}

async function openScene(t: TestContext, script: string): Promise<Scene> {
  const testbed = openTestbed(t);
  // Of the screens that are given up.
  testbed.letDaemonComplain();
  const run = async (name: string, ...command: string[]): Promise<string> => {
    const id = `${name}-${process.pid}`;
    const how = ['run', '-dt', '--screen', '--name', id, '--runtime', 'runc', '--rootfs', testbed.rootfs, '--'];
    assert.deepEqual(await termshim([...how, ...command], { env: testbed.env }), {
      stdout: `${id}\n`,
      stderr: '',
      status: 0,
    });
    testbed.after(() => termshim(['delete', '--force', id], { env: testbed.env }));
    return id;
  };
  const other = await run('other', 'cat');
  const { sessions } = await connectToDaemon(testbed);
  const typist = await attachClient(t, sessions, { id: other });
  await typist.type('\x1b[31mhello\n');
  await typist.output.expect('hello\r\n');
  const id = await run(
    'harm',
    'sh',
    '-c',
    `stty rows 500 cols 1000; read -r go; ${script}; echo; echo all is done; touch /tmp/done; cat`,
  );
  let typed = 0;
  return {
    id,
    isDone: () => existsSync(`${testbed.rootfs}/tmp/done`),
    look: (replay) => attachClient(t, sessions, { id, replay, columns: 0, rows: 0 }),
    async describe() {
      const found = (await sessions.list({})).sessions.find((it) => it.id === id);
      assert.ok(found !== undefined);
      return found;
    },
    inspect: async () => (await termshim(['inspect', id], { env: testbed.env })).stdout,
    async typeUntil(isOver) {
      while (!(await isOver())) {
        const start = performance.now();
        const word = `word ${++typed}.`;
        await typist.type(`${word}\n`);
        await typist.output.expect(`${word}\r\n`);
        const tookMs = performance.now() - start;
        assert.ok(tookMs < 1000, `an echo took ${tookMs} ms`);
      }
    },
    mostBytes() {
      const daemon = testbed.processes().find((it) => it.commandLine.includes('--namespace termshim'));
      const [, kibibytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${daemon?.pid}/status`, 'utf8')) ?? [];
      return Number(kibibytes) * 1024;
    },
    async bystanderIsThere() {
      const later = await attachClient(t, sessions, { id: other, isReadOnly: true });
      await later.output.expect(`word ${typed}.`);
      assert.ok(later.output.text().startsWith(painted));
      later.leave();
    },
  };
}

/** How a screen begins that is painted. */
const painted = '\x18\x1b[?1049l';
const mostBytes = 600 * 1024 * 1024;

for (const [what, script] of Object.entries(harm)) {
  test(`a container that ${what} delays no other container`, { skip, timeout: 120_000 }, async (t) => {
    const scene = await openScene(t, script);
    const starter = await scene.look(false);
    await starter.type('go\n');
    await starter.output.expect('go\r\n');
    starter.leave();
    await scene.typeUntil(scene.isDone);
    const later = await scene.look(true);
    await scene.typeUntil(() => /all is done|no longer kept/.test(later.output.text()));
    const { screen, screenFailure } = await scene.describe();
    assert.equal(screen, screenFailure === '');
    assert.equal(later.output.text().includes('no longer kept'), !screen);
    await later.type('and it goes on\n');
    await later.output.expect('and it goes on\r\n');
    await scene.bystanderIsThere();
    assert.ok(scene.mostBytes() < mostBytes, `the daemon took ${scene.mostBytes()} bytes`);
  });
}

test('the daemon drops a screen whose output takes the emulator too long, and every client gets a notice', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const scene = await openScene(t, `yes "$(printf '\\033#8\\033#8\\033#8\\033#8\\033#8\\033#8')"`);
  const watcher = await scene.look(false);
  await watcher.type('go\n');
  await waitFor(() => watcher.output.byteCount > 1_000_000, 'the flood');
  const later = await scene.look(true);
  const told = /\[termshim: the screen is no longer kept: it takes more than 2 s to interpret its output\]\r\n/;
  await scene.typeUntil(() => told.test(later.output.text().slice(0, 1000)));
  const { screen, screenFailure } = await scene.describe();
  assert.deepEqual([screen, screenFailure], [false, 'it takes more than 2 s to interpret its output']);
  assert.match(await scene.inspect(), /^screen +no longer kept: it takes more than 2 s to interpret its output$/m);
  await scene.bystanderIsThere();
  assert.ok(scene.mostBytes() < mostBytes, `the daemon took ${scene.mostBytes()} bytes`);
});
