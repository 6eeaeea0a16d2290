/*
 * A caller of Attach or Record may give up: its deadline passes, or its connection is closed. What could break: a
 * client that nobody knows stays attached with its FIFOs, and its window counts; a recording continues to a file that
 * nobody waits for; the next Record is refused; a Record that waits for another one starts after it was cancelled. In
 * the tests an Attach waits for a reader of its output that never comes, or comes at that moment; a Record waits for a
 * snapshot that the test delays.
 */
import assert from 'node:assert/strict';
import { constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createFifo, FifoReader } from '../../src/os/fifo.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import type { Work } from '../../src/screen/thread/messages.js';
import { type OpenLink, openLinks } from '../../src/screen/thread/thread.js';
import { Code } from '../../src/ttrpc/status.js';
import { readAsciicast } from '../helpers/sessions/asciicast.js';
import { leakTest, type Scope } from '../helpers/base/leak-free.js';
import { newSession, type TestSession } from '../helpers/sessions/session.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

const passed = { code: Code.DeadlineExceeded };

function newFifos(scope: Scope): { stdin: string; stdout: string } {
  const directory = temporaryDirectory(scope);
  const [stdin, stdout] = [join(directory, 'in'), join(directory, 'out')];
  createFifo(stdin);
  createFifo(stdout);
  return { stdin, stdout };
}

/** Whether somebody has it open to read: without that a FIFO is not opened to write, see fifo(7). */
function isRead(fifo: string): boolean {
  try {
    OwnedFd.open(fifo, constants.O_WRONLY | constants.O_NONBLOCK, fifo).close();
    return true;
  } catch {
    return false;
  }
}

async function clientsOf(session: TestSession): Promise<number> {
  return (await session.describe()).clients;
}

for (const how of ['the deadline passes', 'the connection is closed']) {
  leakTest(
    `an Attach that waits for a reader leaves no client behind if ${how}, and the next one gets all output`,
    async (scope) => {
      const session = await newSession(scope, 'echo ready; exec sleep 100');
      await session.start();
      await waitFor(async () => (await session.describe()).stdoutBytes > 0n, 'the output');
      const other = await session.connect();
      const { stdin, stdout } = newFifos(scope);
      const request = { id: session.id, stdin, stdout, columns: 132, rows: 43, replay: true };
      const isDeadline = how === 'the deadline passes';
      const attaching = other.sessions.attach(request, isDeadline ? { timeoutMs: 500 } : {});
      const refused = assert.rejects(attaching, isDeadline ? passed : { code: Code.Unavailable });
      await waitFor(() => isRead(stdin), 'the daemon to wait for the reader');
      if (!isDeadline) other.leave();
      await within(refused, 'the refusal');
      // The daemon may learn of it a little later than the client.
      await waitFor(() => !isRead(stdin), 'the daemon to let go of the FIFO');
      // Had it gone on, it would have its reader, and be a client, within 25 ms.
      const reader = FifoReader.open(stdout);
      scope.after(() => reader.close());
      await delay(100);
      assert.equal(await clientsOf(session), 0);
      assert.deepEqual(await session.story(), ['create', 'start']);
      const next = await session.attach();
      await next.output.expect('ready');
    },
  );
}

leakTest(
  'an Attach whose reader comes as the deadline passes is either answered or leaves no client',
  async (scope) => {
    const session = await newSession(scope, 'exec sleep 100');
    await session.start();
    for (let round = 0; round < 20; round++) {
      const { stdin, stdout } = newFifos(scope);
      const attaching = session.sessions.attach({ id: session.id, stdin, stdout }, { timeoutMs: 60 }).then(
        ({ client }) => client,
        () => undefined,
      );
      await delay(25 + 3 * round);
      const reader = FifoReader.open(stdout);
      // The answer may have been on its way already.
      const client = await within(attaching, 'an answer').finally(() => reader.close());
      assert.ok(client === undefined || client > 0);
      await waitFor(async () => (await clientsOf(session)) === 0, 'no client', 2000);
    }
  },
);

/** The emulators, which are asked for no picture until they are let go. */
function heldScreens(): { openScreen: OpenLink; letGo: () => void } {
  const open = openLinks();
  const held: (() => void)[] = [];
  let isHeld = true;
  return {
    openScreen(listener) {
      const link = open(listener);
      return {
        order(work: Work) {
          if (isHeld && (held.length > 0 || work.kind === 'ask')) held.push(() => link.order(work));
          else link.order(work);
        },
        close: () => link.close(),
      };
    },
    letGo() {
      isHeld = false;
      for (const order of held.splice(0)) order();
    },
  };
}

for (const how of ['the deadline passes', 'the connection is closed']) {
  leakTest(`a Record that is cancelled because ${how} removes its file, and the next one records`, async (scope) => {
    const { openScreen, letGo } = heldScreens();
    const session = await newSession(scope, 'echo ready; read -r line; echo "got $line"', {
      openScreen,
      annotations: { 'io.termshim.screen': 'true' },
    });
    await session.start();
    await waitFor(async () => (await session.describe()).stdoutBytes > 0n, 'the output');
    const { id } = session;
    const directory = temporaryDirectory(scope);
    const [first, waiting, next] = ['first', 'waiting', 'next'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    const other = await session.connect();
    const isDeadline = how === 'the deadline passes';
    const refusal = isDeadline ? passed : { code: Code.Unavailable };
    const limits = isDeadline ? { timeoutMs: 1000 } : {};
    const refused = assert.rejects(other.sessions.record({ id, path: first }, limits), refusal);
    await waitFor(() => existsSync(first), 'the recording');
    const turned = assert.rejects(other.sessions.record({ id, path: waiting }, limits), refusal);
    // The two calls come in their order, and one that is answered comes after both.
    await other.shim.reserve({ id: 'another' });
    if (!isDeadline) other.leave();
    await within(Promise.all([refused, turned]), 'the refusals');
    // So that the turn of the other comes.
    if (isDeadline) await session.sessions.endRecording({ id });
    letGo();
    await waitFor(() => !existsSync(first), 'its file to go');
    await waitFor(async () => (await session.describe()).recording === '', 'the recording to end');
    await session.sessions.record({ id, path: next });
    assert.equal(existsSync(waiting), false);
    const client = await session.attach();
    await client.type('line\n');
    await within(session.task.wait({ id }), 'the exit');
    assert.match(readAsciicast(next).all('o'), /ready[^]*got line/);
    const recorded = (await session.story()).filter((it) => it.startsWith('record'));
    assert.deepEqual(recorded, ['record', 'record-ended', 'record', 'record-ended']);
    await session.shim.forget({ id: 'another' });
  });
}
