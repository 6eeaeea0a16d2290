/**
 * Whether ^C can reach termshim decides how it runs runtimes: with a wrong answer ^C kills them too. A process reports
 * its own answer in each position: as the leader of a session or as another member, with a terminal and without.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Console } from '../../../src/os/console.js';
import { fixturePath, runFixture } from '../../helpers/base/fixture.js';
import { readFrom } from '../../helpers/copy/reader.js';
import { startOnTty } from '../../helpers/copy/tty-process.js';

test('no signal of a terminal can reach the leader of a session without a terminal', async () => {
  const { stdout } = await runFixture('os/tell-session', [], { detached: true });
  assert.equal(stdout, 'quiet\n');
});

test('a signal of a terminal can reach a process that does not lead its session', async () => {
  const { stdout } = await runFixture('os/tell-session');
  assert.equal(stdout, 'not quiet\n');
});

test('a signal of a terminal can reach the leader of a session with a terminal', async (t) => {
  const console = Console.open({ columns: 80, rows: 24 });
  t.after(() => console.close());
  const screen = readFrom(console.fd);
  t.after(() => screen.close());
  startOnTty(t, console.name, 'exec "$1" "$2"', process.execPath, fixturePath('os/tell-session'));
  assert.equal((await screen.expect('quiet\r\n')).trim(), 'not quiet');
});
