/*
 * The emulator has limits for the known dangers. For unknown ones, its thread is ended if it takes too long or too much
 * memory, and that affects everything else in the thread: the screens of other containers must be restored, also those
 * with more output than the ring holds, and each pending request for a screen must be answered. The test gives the
 * emulator faults of each kind, which one container triggers while others have screens in the same thread.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { openLinks } from '../../../src/screen/thread/thread.js';
import { leakTest, type Scope } from '../../helpers/base/leak-free.js';
import { attachClient } from '../../helpers/sessions/session-client.js';
import { newSession, type TestSession } from '../../helpers/sessions/session.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const program = join(import.meta.dirname, '../../fixtures/worker-with-bugs.js');
const annotations = { 'io.termshim.screen': 'true' };

/** The container of the session is harmless, and this one is not. */
async function addHarm(scope: Scope, session: TestSession, bug: string): Promise<() => Promise<string>> {
  const { task, sessions, request } = session;
  const script = `stty -echo; read -r go; printf 'a\\033%%${bug}'; exec cat`;
  await task.create({ ...(await request('harm', script, annotations)), stdin: '', stdout: '' });
  await task.start({ id: 'harm' });
  const client = await attachClient(scope, sessions, { id: 'harm' });
  return async () => {
    await client.type('go\n');
    await client.output.expect(`a\x1b%${bug}`);
    const failure = async (): Promise<string> => (await sessions.inspect({ id: 'harm' })).session?.screenFailure ?? '';
    const told = await waitFor(async () => (await failure()) || undefined, 'the screen to be given up', 60_000);
    await client.type('it goes on\n');
    await client.output.expect('it goes on');
    return told;
  };
}

/** How a screen begins that is painted. */
const painted = '\x18\x1b[?1049l';

for (const [what, bug, reason] of [
  ['never returns', 'H', /^the emulator was busy with it for more than 2 s$/],
  // Either limit may be met first: V8 takes its time to find that there is no more memory.
  ['takes all memory', 'M', /^the emulator (was busy with it for more than 2 s|ran out of memory with it)$/],
] as const) {
  leakTest(`a screen whose emulator ${what} is lost, and the other screens stay`, async (scope) => {
    const script = String.raw`printf '\033]2;a title\a\033[2;9r\033[31mred'; read -r go; seq 90000; echo; echo last; exec sleep 100`;
    const session = await newSession(scope, script, { annotations, openScreen: openLinks(program) });
    const doHarm = await addHarm(scope, session, bug);
    await session.start();
    const client = await session.attach();
    await client.output.expect('red');
    const before = await session.attach({ replay: true });
    await before.output.expect('red');
    const told = await doHarm();
    assert.match(told, reason);
    const after = await session.attach();
    await waitFor(() => after.output.byteCount >= before.output.byteCount, 'the screen');
    assert.equal(after.output.text(), before.output.text());
    // Now there is more than the ring holds: a checkpoint has what was before.
    await client.type('\n');
    await client.output.expect('last\r\n');
    const last = await session.attach();
    await last.output.expect('last');
    assert.ok(last.output.text().startsWith(painted));
    assert.ok(last.output.text().includes('a title'));
    assert.equal((await session.describe()).screen, true);
    assert.deepEqual(
      session.faults.map(({ message }) => message),
      [`the screen of the container harm is no longer kept: ${told}`],
    );
  });
}

leakTest('a restored screen has the modes that were set by output that the ring no longer holds', async (scope) => {
  const script = String.raw`printf '\033]2;a title\a\033[?2004h'; seq 90000; echo last; exec sleep 100`;
  const session = await newSession(scope, script, { annotations, openScreen: openLinks(program) });
  const doHarm = await addHarm(scope, session, 'H');
  const client = await session.attach();
  await session.start();
  await client.output.expect('last\r\n');
  const before = await session.attach();
  await before.output.expect('last');
  await doHarm();
  const after = await session.attach();
  await after.output.expect('last');
  assert.ok(after.output.text().includes('\x1b]2;a title') && after.output.text().includes('\x1b[?2004h'));
});

leakTest(
  "an emulator that fails by no session's fault loses all screens of its thread, and no session",
  async (scope) => {
    const session = await newSession(scope, 'echo hello; exec cat', { annotations, openScreen: openLinks(program) });
    const doHarm = await addHarm(scope, session, 'T');
    await session.start();
    const client = await session.attach();
    await client.output.expect('hello');
    assert.match(await doHarm(), /^the emulator has failed: a bug$/);
    const after = await session.attach();
    await after.output.expect('hello');
    await client.type('more\n');
    await after.output.expect('more');
  },
);
