/*
 * The file of a recorded session must have the output of the terminal from the first byte to the last, and must be
 * complete when the exit is reported; input is recorded only on request. What could break: a size that changes only to
 * make the program draw again is recorded; a process is recorded that does not exist yet, or never starts; an existing
 * file is overwritten; a file that cannot be created, or a full disk, affects the session. The tests record real
 * processes, on a real full disk too.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mountAll, unmountAll } from '../../../src/os/mount/mount-all.js';
import { Code } from '../../../src/ttrpc/status.js';
import {
  type Asciicast,
  parseAsciicast,
  readAsciicast,
  readGrowingAsciicast,
} from '../../helpers/sessions/asciicast.js';
import { leakTest, type Scope } from '../../helpers/base/leak-free.js';
import { tmpfs } from '../../helpers/base/mounts.js';
import { missing } from '../../helpers/base/requirement.js';
import { newSession, type TestSession } from '../../helpers/sessions/session.js';
import { shellProcess } from '../../helpers/runtime/task.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

function newPath(scope: Scope): string {
  return join(temporaryDirectory(scope), 'r.cast');
}

async function ended({ task, id }: TestSession, execId = ''): Promise<void> {
  await within(task.wait({ id, execId }), 'the exit');
}

function sizesOf({ events }: Asciicast): string[] {
  return events.filter(({ kind }) => kind === 'r').map(({ data }) => data);
}

leakTest('a recording from before the start has all output that a client gets, and the sizes', async (scope) => {
  const session = await newSession(
    scope,
    'stty -echo; echo "h\u00e9llo \u{1f600}"; read -r go; stty size; read -r go; stty size; stty columns 77; echo end',
  );
  const { id } = session;
  const path = newPath(scope);
  const client = await session.attach();
  await session.sessions.record({ id, path });
  assert.equal((await session.describe()).recording, path);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  await session.start();
  await client.output.expect(Buffer.from('\u{1f600}\r\n').toString('latin1'));
  await session.sessions.resize({ id, client: client.number, columns: 100, rows: 30 });
  await client.type('\n');
  await client.output.expect('30 100\r\n');
  await session.task.resizePty({ id, width: 90, height: 20 });
  await client.type('\n');
  await ended(session);
  const asciicast = readAsciicast(path);
  assert.equal(asciicast.all('o'), (await client.output.all()).toString());
  assert.deepEqual(sizesOf(asciicast), ['100x30', '90x20', '77x20']);
  assert.equal(asciicast.all('i'), '');
  assert.deepEqual([asciicast.header.width, asciicast.header.height, asciicast.header.title], [80, 24, 'c']);
  assert.match(asciicast.header.command, /^\/bin\/sh -c 'stty -echo; /);
  const story = await session.story();
  assert.ok(story.indexOf('record') < story.indexOf('start'));
  assert.ok(story.indexOf('record-ended') < story.indexOf('exit'));
  assert.equal((await session.describe()).recording, '');
});

leakTest('a recording has the input of every client if that is requested', async (scope) => {
  const session = await newSession(scope, 'stty raw -echo; echo ready; head -c 9 >/dev/null; echo done');
  const path = newPath(scope);
  await session.sessions.record({ id: session.id, path, input: true });
  const [one, two] = [await session.attach(), await session.attach()];
  await session.start();
  await one.output.expect('ready');
  await one.type('ab\u00e9');
  await waitFor(async () => (await session.describe()).stdinBytes === 4n, 'the first to have typed');
  await two.type('\u001b[A\r');
  await waitFor(async () => (await session.describe()).stdinBytes === 8n, 'the second to have typed');
  await one.type('!');
  await ended(session);
  const asciicast = readAsciicast(path);
  assert.equal(asciicast.all('i'), 'ab\u00e9\u001b[A\r!');
  const kinds = asciicast.events.map(({ kind }) => kind);
  assert.ok(kinds.indexOf('o') < kinds.indexOf('i') && kinds.lastIndexOf('i') < kinds.lastIndexOf('o'));
});

leakTest('a recording of a running session begins with the screen and ends on request', async (scope) => {
  const session = await newSession(scope, 'trap "stty size" WINCH; stty size; while :; do sleep 0.01; done');
  const { id, sessions } = session;
  const [first, second] = [newPath(scope), newPath(scope)];
  const client = await session.attach({ columns: 60, rows: 10 });
  await session.start();
  await client.output.expect('10 60\r\n');
  const both = await Promise.allSettled([first, second].map((path) => sessions.record({ id, path })));
  assert.deepEqual(
    both.map((it) => (it.status === 'rejected' ? (it.reason as Error).message : it.status)),
    ['fulfilled', `the container c is already being recorded to ${first}`],
  );
  assert.equal(existsSync(second), false);
  // The program is made to draw, by a size that is the terminal's for a moment only.
  await client.output.expect('9 60\r\n10 60\r\n');
  await sessions.endRecording({ id });
  const asciicast = readAsciicast(first);
  assert.equal(asciicast.all('o'), '10 60\r\n9 60\r\n10 60\r\n');
  assert.deepEqual([asciicast.header.width, asciicast.header.height, sizesOf(asciicast)], [60, 10, []]);
  await assert.rejects(sessions.endRecording({ id }), {
    code: Code.FailedPrecondition,
    message: 'the container c is not recorded',
  });
  await sessions.record({ id, path: second });
  await client.output.expect('9 60\r\n10 60\r\n9 60\r\n10 60\r\n');
  await sessions.endRecording({ id });
  assert.equal(readAsciicast(second).all('o'), client.output.text());
  assert.equal(readAsciicast(first).all('o'), asciicast.all('o'));
});

leakTest('a recording begins with the kept screen if there was output before', async (scope) => {
  const options = { annotations: { 'io.termshim.screen': 'true' } };
  const session = await newSession(scope, 'printf "over\\rnew!\\n"; read -r go; echo end', options);
  const { id, sessions } = session;
  const [first, second] = [newPath(scope), newPath(scope)];
  await sessions.record({ id, path: first });
  const client = await session.attach();
  await session.start();
  await client.output.expect('new!');
  await sessions.endRecording({ id });
  assert.equal(readAsciicast(first).all('o'), 'over\rnew!\r\n');
  await sessions.record({ id, path: second });
  await client.type('\n');
  await ended(session);
  const recorded = readAsciicast(second).all('o');
  assert.ok(recorded.includes('new!') && recorded.endsWith('end\r\n') && !recorded.includes('over'), recorded);
});

leakTest('an exec process is recorded from its first byte; one that is never started leaves no file', async (scope) => {
  const session = await newSession(scope, 'exec sleep 100');
  await session.start();
  const { id, task, sessions } = session;
  const [path, other] = [newPath(scope), newPath(scope)];
  const spec = { typeUrl: '', value: Buffer.from(JSON.stringify(shellProcess('stty size; exit 3'))) };
  for (const execId of ['e', 'never']) await task.exec({ id, execId, terminal: true, spec });
  await sessions.record({ id, execId: 'e', path });
  await sessions.record({ id, execId: 'never', path: other });
  await task.resizePty({ id, execId: 'e', width: 70, height: 7 });
  await session.start('e');
  await ended(session, 'e');
  const { header, all } = readAsciicast(path);
  assert.equal(all('o'), '7 70\r\n');
  assert.deepEqual([header.width, header.height, header.title], [70, 7, 'c/e']);
  assert.deepEqual([header.command, header.env], ["/bin/sh -c 'stty size; exit 3'", {}]);
  assert.ok(existsSync(other));
  await task.delete({ id, execId: 'never' });
  await waitFor(() => !existsSync(other), 'the file of what never was to go');
});

leakTest('output reaches the file soon, and nothing is written while there is no output', async (scope) => {
  const session = await newSession(scope, 'stty -echo; echo ready; read -r go; exec sleep 100');
  const path = newPath(scope);
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  await session.sessions.record({ id: session.id, path });
  await session.start();
  await waitFor(() => readGrowingAsciicast(path)?.all('o') === 'ready\r\n', 'the output in the file', 2000);
  assert.equal(timers(), before);
  await session.sessions.endRecording({ id: session.id });
});

leakTest('Record fails with the reason for a file that it cannot use, and leaves nothing behind', async (scope) => {
  const session = await newSession(scope, 'exec sleep 100');
  const { id, sessions, task } = session;
  const directory = temporaryDirectory(scope);
  const path = join(directory, 'there');
  writeFileSync(path, 'mine');
  const refusals: [string, object][] = [
    [
      path,
      { code: Code.FailedPrecondition, errorCode: 'ERR_FILE_EXISTS', message: /the file .*\/there already exists/ },
    ],
    [directory, { errorCode: 'ERR_FILE_EXISTS' }],
    [
      '/nowhere/at/all',
      { errorCode: 'ERR_SYSTEM', message: /\/nowhere\/at\/all: no such file or directory \(ENOENT\)$/ },
    ],
    ['r.cast', { code: Code.InvalidArgument, message: 'the path of a recording must be absolute, but it is r.cast' }],
  ];
  for (const [to, refusal] of refusals) await assert.rejects(sessions.record({ id, path: to }), refusal);
  assert.equal(readFileSync(path, 'utf8'), 'mine');
  assert.deepEqual(readdirSync(directory), ['there']);
  await assert.rejects(sessions.record({ id: 'x', path: newPath(scope) }), { code: Code.NotFound });
  const spec = { typeUrl: '', value: Buffer.from(JSON.stringify(shellProcess('true'))) };
  await session.start();
  await task.exec({ id, execId: 'plain', terminal: false, spec });
  await assert.rejects(sessions.record({ id, execId: 'plain', path: newPath(scope) }), {
    code: Code.FailedPrecondition,
    message: 'the process plain of the container c has no terminal, so there is nothing to record',
  });
  await task.kill({ id, signal: 9 });
  await ended(session);
  await assert.rejects(sessions.record({ id, path: newPath(scope) }), { message: 'the container c has ended' });
  assert.deepEqual(
    (await session.story()).filter((it) => it.startsWith('record')),
    [],
  );
});

leakTest(
  'a full disk ends the recording at a complete line, and the session goes on',
  async (scope) => {
    const disk = temporaryDirectory(scope);
    await mountAll([tmpfs('size=256k')], disk);
    scope.after(() => unmountAll(disk));
    const path = join(disk, 'r.cast');
    const session = await newSession(scope, 'stty -echo; echo ready; read -r go; seq 100000; read -r go; exit 5');
    const { id, sessions } = session;
    await sessions.record({ id, path });
    const client = await session.attach();
    await session.start();
    await client.output.expect('ready');
    await client.type('\n');
    await client.output.expect('\n100000\r\n');
    await waitFor(async () => (await session.describe()).recordingFailure !== '', 'the end of the recording');
    const told = await session.describe();
    assert.deepEqual([told.recording, told.state], ['', 'running']);
    assert.equal(told.recordingFailure, `cannot write the recording ${path}: no space left on device (ENOSPC)`);
    assert.deepEqual(
      session.faults.map(({ message }) => message),
      [told.recordingFailure],
    );
    assert.ok((await session.story()).includes('record-failed'));
    const text = readFileSync(path, 'utf8');
    const [, ...numbers] = parseAsciicast(text).all('o').split('\r\n');
    assert.ok(text.length > 128 * 1024, `${text.length} bytes were recorded`);
    numbers.slice(0, -1).forEach((it, index) => assert.equal(it, String(index + 1)));
    await client.type('\n');
    assert.equal((await within(session.task.wait({ id }), 'the exit')).exitStatus, 5);
  },
  { skip: missing('root') },
);
