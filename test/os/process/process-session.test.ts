/**
 * Whether a ^C can reach us decides how runtimes are run: a wrong yes would kill them with it. A process tells it of
 * itself in each place where it can stand: at the head of a session or behind another, with a terminal and without.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Console } from '../../../src/os/console.js';
import { fixturePath, runFixture } from '../../helpers/base/fixture.js';
import { readFrom } from '../../helpers/copy/reader.js';
import { startOnTty } from '../../helpers/copy/tty-process.js';

test('the head of a session without a terminal is quiet', async () => {
  const { stdout } = await runFixture('os/tell-session', [], { detached: true });
  assert.equal(stdout, 'quiet\n');
});

test('a process in the session of another is not quiet', async () => {
  const { stdout } = await runFixture('os/tell-session');
  assert.equal(stdout, 'not quiet\n');
});

test('the head of a session with a terminal is not quiet', async (t) => {
  const console = Console.open({ columns: 80, rows: 24 });
  t.after(() => console.close());
  const screen = readFrom(console.fd);
  t.after(() => screen.close());
  startOnTty(t, console.name, 'exec "$1" "$2"', process.execPath, fixturePath('os/tell-session'));
  assert.equal((await screen.expect('quiet\r\n')).trim(), 'not quiet');
});
