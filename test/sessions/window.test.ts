/*
 * Several clients share a terminal with one size, and new clients get its screen. A program draws for one size: the
 * size must be right from the first byte and change only when the policy says so, and a program that has drawn long ago
 * must draw again for a new client, unless a screen is kept. The tests attach clients with windows to real programs.
 */
import assert from 'node:assert/strict';
import { Code } from '../../src/ttrpc/status.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { newSession, type TestSession } from '../helpers/sessions/session.js';
import { waitFor } from '../helpers/base/wait-for.js';

/** Says its size once, and whenever it is told of another. */
const tellsSizes = 'trap "stty size" WINCH; stty size; while :; do sleep 0.01; done';

async function sizeOf(session: TestSession): Promise<string> {
  const { columns, rows } = await session.describe();
  return `${columns}x${rows}`;
}

leakTest('the window of a client that attaches before the start is set from the first byte', async (scope) => {
  const session = await newSession(scope, tellsSizes);
  const client = await session.attach({ columns: 132, rows: 43 });
  await session.start();
  assert.equal(await client.output.expect('\r\n'), '43 132\r\n');
});

leakTest('the size follows the client that typed last, and stays when the last client leaves', async (scope) => {
  const session = await newSession(scope, 'exec cat');
  await session.start();
  const { id, sessions } = session;
  assert.equal(await sizeOf(session), '80x24');
  const one = await session.attach({ columns: 100, rows: 30 });
  assert.equal(await sizeOf(session), '100x30');
  const two = await session.attach({ columns: 120, rows: 40 });
  assert.equal(await sizeOf(session), '120x40');
  await session.attach({ columns: 10, rows: 10, isReadOnly: true });
  await session.attach({ columns: 0, rows: 0 });
  assert.equal(await sizeOf(session), '120x40');
  await one.type('x');
  await waitFor(async () => (await sizeOf(session)) === '100x30', 'the size of who typed');
  await sessions.resize({ id, client: two.number, columns: 90, rows: 20 });
  assert.equal(await sizeOf(session), '90x20');
  two.leave();
  await waitFor(async () => (await sizeOf(session)) === '100x30', 'the size of who is left');
  one.leave();
  await waitFor(async () => (await session.describe()).clients === 2, 'the others');
  assert.equal(await sizeOf(session), '100x30');
  const resized = (await session.story()).filter((it) => it.startsWith('resize'));
  assert.deepEqual(resized, ['resize 1', 'resize 2', 'resize 1', 'resize 2', 'resize 2']);
});

leakTest('a size policy stays until another is set, or until its client leaves', async (scope) => {
  const session = await newSession(scope, 'exec cat');
  await session.start();
  const { id, sessions } = session;
  const set = async (policy: string): Promise<string> => {
    await sessions.setSizePolicy({ id, policy });
    const described = await session.describe();
    assert.equal(described.sizePolicy, policy);
    return sizeOf(session);
  };
  const one = await session.attach({ columns: 100, rows: 20 });
  const two = await session.attach({ columns: 90, rows: 40 });
  assert.equal((await session.describe()).sizePolicy, 'latest');
  assert.equal(await set('smallest'), '90x20');
  assert.equal(await set('largest'), '100x40');
  assert.equal(await set('132x43'), '132x43');
  await sessions.resize({ id, client: two.number, columns: 50, rows: 50 });
  assert.equal(await sizeOf(session), '132x43');
  assert.equal(await set('1'), '100x20');
  await two.type('x');
  await two.output.expect('x');
  assert.equal(await sizeOf(session), '100x20');
  await assert.rejects(set('7'), { code: Code.NotFound, message: 'the container c has no client 7' });
  await assert.rejects(set('tiny'), { code: Code.InvalidArgument, message: /latest, smallest, .* but not "tiny"$/ });
  one.leave();
  await waitFor(async () => (await sizeOf(session)) === '50x50', 'the size of who is left');
  assert.equal((await session.describe()).sizePolicy, 'latest');
});

leakTest('a program redraws for a new client because the size changes by a row and back', async (scope) => {
  const session = await newSession(scope, tellsSizes);
  await session.start();
  await waitFor(async () => (await session.describe()).stdoutBytes > 0n, 'the first size');
  const client = await session.attach();
  assert.equal(await client.output.expect('23 80\r\n24 80\r\n'), '24 80\r\n23 80\r\n24 80\r\n');
  assert.deepEqual(await session.story(), ['create', 'start', 'attach 1']);
});

leakTest('an attach that changes the size makes the program redraw once', async (scope) => {
  const session = await newSession(scope, tellsSizes);
  await session.start();
  await waitFor(async () => (await session.describe()).stdoutBytes > 0n, 'the first size');
  const first = await session.attach({ columns: 100 });
  await first.output.expect('24 100\r\n');
  const second = await session.attach({ columns: 90 });
  assert.equal(await second.output.expect('24 90\r\n'), '24 80\r\n24 100\r\n24 90\r\n');
});

leakTest('a size that is set during a redraw stays', async (scope) => {
  const session = await newSession(scope, tellsSizes);
  await session.start();
  const { id, sessions, task } = session;
  const first = await session.attach({ columns: 100 });
  await first.output.expect('24 100\r\n');
  const blind = await session.attach({ columns: 100 });
  await blind.output.expect('23 100\r\n');
  await sessions.resize({ id, client: blind.number, columns: 70, rows: 20 });
  await blind.output.expect('20 70\r\n');
  await session.attach({ columns: 70, rows: 20 });
  await blind.output.expect('19 70\r\n');
  await task.resizePty({ id, width: 60, height: 10 });
  await blind.output.expect('10 60\r\n');
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal(await sizeOf(session), '60x10');
});

/** How a screen begins that is painted. */
const painted = '\x18\x1b[?1049l';

leakTest('a client gets the kept screen first', async (scope) => {
  const session = await newSession(scope, 'stty -echo; echo ready; while read -r line; do echo "got $line"; done', {
    annotations: { 'io.termshim.screen': 'true' },
  });
  await session.start();
  const one = await session.attach();
  await one.output.expect('ready');
  await one.type('a\n');
  await one.output.expect('got a\r\n');
  const two = await session.attach({ columns: 100 });
  await two.output.expect('got a');
  assert.ok(two.output.text().startsWith(painted));
  assert.equal((await session.describe()).screen, true);
  await two.type('b\n');
  await one.output.expect('got b\r\n');
  await two.output.expect('got b\r\n');
  assert.equal(two.output.text().match(/ready/g)?.length, 1);
  await session.task.kill({ id: session.id, signal: 9 });
  await session.task.wait({ id: session.id });
  await waitFor(async () => !(await session.describe()).screen, 'the end of the screen');
  assert.equal((await session.describe()).screenFailure, '');
  assert.deepEqual(session.faults, []);
});

leakTest('a client that was skipped gets a notice in the scrolled part, and then the screen', async (scope) => {
  const session = await newSession(scope, 'stty -opost; read -r go; seq 100000; echo end; exec sleep 100', {
    annotations: { 'io.termshim.screen': 'true' },
  });
  await session.start();
  const [stalled, other] = [await session.attach(), await session.attach()];
  await stalled.output.expect(painted);
  stalled.output.pause();
  await other.type('\n');
  await other.output.expect('100000\nend\n');
  stalled.output.resume();
  const seen = await stalled.output.expect(`\r\n${'\n'.repeat(24)}${painted}`);
  assert.match(seen, /\r\n\[termshim: \d+ KB of output skipped\]\r\n\n{24}/);
  await stalled.output.expect('end');
});

leakTest('a session that has lost its kept screen goes on, and every client gets a notice', async (scope) => {
  const session = await newSession(scope, 'echo hello; exec sleep 100', {
    annotations: { 'io.termshim.screen': 'true' },
    openScreen(listener) {
      setImmediate(() => listener.onLost('no emulator'));
      return { order() {}, close() {} };
    },
  });
  await session.start();
  await waitFor(() => session.faults.length > 0, 'the fault');
  const client = await session.attach();
  await client.output.expect('[termshim: the screen is no longer kept: no emulator]\r\nhello');
  assert.deepEqual(
    session.faults.map(({ message }) => message),
    ['the screen of the container c is no longer kept: no emulator'],
  );
  const { screen, screenFailure } = await session.describe();
  assert.deepEqual([screen, screenFailure], [false, 'no emulator']);
  assert.ok((await session.story()).includes('screen-lost'));
});

leakTest('a screen is kept only if config.json requests it', async (scope) => {
  const session = await newSession(scope, 'exec sleep 100', { openScreen: () => assert.fail('not asked for') });
  await session.start();
  await session.attach();
  assert.equal((await session.describe()).screen, false);
});
