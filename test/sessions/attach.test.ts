/*
 * Several clients share one terminal: each sees all output and can type. What could break: output from before the
 * attach, or from right after the start, is lost; a client that stalls, leaves or is killed in the middle of a flood
 * stops the process or another client (they wait for at most 100 ms); descriptors of clients that left stay open; the
 * last output is lost. The tests attach through the daemon in this process, with a real process.
 */
import assert from 'node:assert/strict';
import { openDescriptors } from '../helpers/base/descriptors.js';
import { newFifo, openReader } from '../helpers/copy/fifo-ends.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { readFrom } from '../helpers/copy/reader.js';
import { newSession } from '../helpers/sessions/session.js';
import { shellProcess } from '../helpers/runtime/task.js';
import { waitFor, within } from '../helpers/base/wait-for.js';
import { Code } from '../../src/ttrpc/status.js';

leakTest('a client that attaches before the start sees everything to the end', async (scope) => {
  const session = await newSession(scope, 'echo first; stty size; echo last');
  const one = await session.attach({ label: 'one' });
  const two = await session.attach({ label: 'two', replay: false });
  await session.start();
  const expected = 'first\r\n24 80\r\nlast\r\n';
  assert.equal((await one.output.all()).toString(), expected);
  assert.equal((await two.output.all()).toString(), expected);
  await within(session.task.wait({ id: session.id }), 'the exit');
  await waitFor(async () => (await session.describe()).clients === 0, 'no client');
  const story = await session.story();
  assert.deepEqual(story.slice(0, 3), ['create', 'attach 1', 'attach 2']);
  // A process may be over before its runtime has said that it began.
  assert.deepEqual(story.slice(3).toSorted(), ['detach 1', 'detach 2', 'exit', 'start']);
});

leakTest('every client may type, and the bytes that each typed and received are counted', async (scope) => {
  const session = await newSession(scope, 'stty -echo; echo ready; while read -r line; do echo "got $line"; done');
  await session.start();
  const one = await session.attach({ label: 'one' });
  const two = await session.attach({ label: 'two', columns: 100, rows: 30 });
  const looker = await session.attach({ label: 'looker', isReadOnly: true, columns: 0, rows: 0 });
  await one.output.expect('ready');
  await one.type('a\n');
  await two.type('bc\n');
  for (const { output } of [one, two, looker]) {
    await output.expect('got a');
    await output.expect('got bc');
  }
  const { session: described, clients } = await session.sessions.inspect({ id: session.id });
  assert.equal(described?.stdinBytes, 5n);
  assert.equal(described?.clients, 3);
  const told = clients.map((it) => [it.client, it.label, it.readOnly, it.columns, it.rows, it.typedBytes]);
  assert.deepEqual(told, [
    [1, 'one', false, 80, 24, 2n],
    [2, 'two', false, 100, 30, 3n],
    [3, 'looker', true, 0, 0, 0n],
  ]);
  for (const [at, { output }] of [one, two, looker].entries()) {
    assert.equal(clients[at]?.seenBytes, BigInt(output.byteCount));
    assert.deepEqual([clients[at]?.behindBytes, clients[at]?.skippedBytes], [0n, 0n]);
  }
});

leakTest('a client that attaches later gets the earlier output', async (scope) => {
  const session = await newSession(scope, 'echo what has been; exec sleep 100');
  await session.start();
  await waitFor(async () => (await session.describe()).stdoutBytes > 0n, 'the output');
  const late = await session.attach();
  assert.equal(await late.output.expect('been\r\n'), 'what has been\r\n');
  const blind = await session.attach({ replay: false });
  await session.sessions.detach({ id: session.id, client: blind.number });
  assert.equal((await blind.output.all()).toString(), '');
});

leakTest('a client that detaches gets no more output, and is removed from the list', async (scope) => {
  const session = await newSession(scope, 'stty -echo; while read -r line; do echo "got $line"; done');
  await session.start();
  const [one, two, killed, silent] = [
    await session.attach(),
    await session.attach(),
    await session.attach(),
    await session.attach(),
  ];
  await session.sessions.detach({ id: session.id, client: one.number });
  await one.output.all();
  killed.leave();
  silent.stopTyping();
  await silent.output.all();
  await waitFor(async () => (await session.describe()).clients === 1, 'one client');
  await two.type('x\n');
  await two.output.expect('got x');
  await assert.rejects(session.sessions.detach({ id: session.id, client: one.number }), {
    code: Code.NotFound,
    message: 'the container c has no client 1',
  });
  await assert.rejects(session.sessions.resize({ id: session.id, client: 9 }), { code: Code.NotFound });
  assert.equal((await session.attach()).number, 5);
});

leakTest('a read-only client stays attached as long as it reads', async (scope) => {
  const session = await newSession(scope, 'exec sleep 100');
  await session.start();
  const looker = await session.attach({ isReadOnly: true });
  assert.equal((await session.describe()).clients, 1);
  looker.leave();
  await waitFor(async () => (await session.describe()).clients === 0, 'no client');
});

leakTest('a stalled client does not stop a flood, and a client that reads gets all of it', async (scope) => {
  const lines = 400_000;
  const session = await newSession(scope, `stty -opost; read -r go; seq ${lines}; echo end; exec sleep 100`);
  await session.start();
  const reading = await session.attach();
  const stalled = await session.attach({ isReadOnly: true });
  const killed = await session.attach();
  stalled.output.pause();
  killed.output.pause();
  await reading.type('\n');
  await waitFor(() => reading.output.byteCount > 100_000, 'the flood');
  killed.leave();
  // Only then is there anything to look for: each look reads it all.
  await waitFor(() => reading.output.byteCount > 2_688_000, 'nearly all of it', 30_000);
  await reading.output.expect(`\n${lines}\nend\n`);
  const all = reading.output.text();
  const numbers = all.slice(all.indexOf('1\n2\n3\n')).split('\n');
  assert.deepEqual([numbers.length, numbers[lines - 1], numbers[lines]], [lines + 2, String(lines), 'end']);
  const { clients } = await session.sessions.inspect({ id: session.id });
  assert.deepEqual(
    clients.map(({ client }) => client),
    [reading.number, stalled.number],
  );
  assert.ok((clients[1]?.behindBytes ?? 0n) > 1_000_000n, `${clients[1]?.behindBytes} bytes behind`);

  stalled.output.resume();
  const seen = await stalled.output.expect('\nend\n');
  // eslint-disable-next-line no-control-regex
  const notice = /\r\n\[termshim: 2\.\d MB of output skipped\]\r\n(\d+\n)+end\n$/;
  assert.match(seen.slice(-20_000), notice);
  const [, after] = (await session.sessions.inspect({ id: session.id })).clients;
  assert.equal(after?.behindBytes, 0n);
  assert.ok((after?.skippedBytes ?? 0n) > 1_000_000n);
});

leakTest('the last output reaches all clients that read, and is dropped for one that does not', async (scope) => {
  const lines = 30_000;
  const session = await newSession(scope, `stty -opost; seq ${lines}`);
  const reading = await session.attach();
  const stalled = await session.attach();
  stalled.output.pause();
  await session.start();
  const all = (await reading.output.all()).toString().split('\n');
  assert.equal(all[lines - 1], String(lines));
  await within(session.task.wait({ id: session.id }), 'the exit');
  await waitFor(async () => (await session.describe()).clients === 0, 'no client');
  await within(session.task.delete({ id: session.id }), 'the delete');
});

leakTest('clients that attach and detach leave no descriptor behind', async (scope) => {
  const session = await newSession(scope, 'while :; do echo some output; sleep 0.02; done');
  await session.start();
  const stays = await session.attach();
  await stays.output.expect('output');
  const before = openDescriptors().length;
  for (let round = 0; round < 20; round++) {
    const client = await session.attach({ isReadOnly: round % 3 === 0 });
    await client.output.expect('output');
    if (round % 2 === 0) await session.sessions.detach({ id: session.id, client: client.number });
    client.leave();
  }
  await waitFor(async () => (await session.describe()).clients === 1, 'one client');
  await waitFor(() => openDescriptors().length === before, 'as many descriptors as before');
});

leakTest('Attach fails after a bounded time if the client does not open its ends of the FIFOs', async (scope) => {
  const session = await newSession(scope, 'exec sleep 100');
  await session.start();
  await assert.rejects(session.attach({ stdout: newFifo(scope) }), {
    code: Code.DeadlineExceeded,
    message: /^nobody opened .* for reading within 1 s$/,
  });
  assert.equal((await session.describe()).clients, 0);
});

leakTest('Attach fails with the reason, and leaves nothing open', async (scope) => {
  const session = await newSession(scope, 'exit 0');
  const client = await session.attach();
  await assert.rejects(session.sessions.attach({ id: 'x' }), {
    code: Code.NotFound,
    message: 'there is no container x',
  });
  await assert.rejects(session.attach({ execId: 'e' }), { code: Code.NotFound, message: /has no process e$/ });
  await assert.rejects(session.attach({ stdout: '/nowhere' }), {
    code: Code.InvalidArgument,
    message: 'there is no FIFO at /nowhere',
  });
  await assert.rejects(session.attach({ stdin: '/dev/null' }), { message: '/dev/null is not a FIFO' });
  await assert.rejects(session.attach({ columns: 70_000 }), { code: Code.InvalidArgument });
  await session.start();
  await client.output.all();
  await within(session.task.wait({ id: session.id }), 'the exit');
  await assert.rejects(session.attach(), { code: Code.FailedPrecondition, message: 'the container c has ended' });
  await session.task.delete({ id: session.id });
  await assert.rejects(session.attach(), { code: Code.NotFound });
});

leakTest('a client that attaches to an exec process before its start gets its first byte', async (scope) => {
  const session = await newSession(scope, 'exec sleep 100');
  await session.start();
  const { id, task } = session;
  const spec = { typeUrl: '', value: Buffer.from(JSON.stringify(shellProcess('stty size'))) };
  await task.exec({ id, execId: 'e', terminal: true, spec });
  const client = await session.attach({ execId: 'e', columns: 132, rows: 43 });
  assert.equal((await session.describe('e')).state, 'created');
  await session.start('e');
  assert.equal((await client.output.all()).toString(), '43 132\r\n');
  const described = await session.describe('e');
  assert.deepEqual(described.command, ['/bin/sh', '-c', 'stty size']);
  assert.equal(described.pid, (await task.state({ id, execId: 'e' })).pid);
});

leakTest('a client of a process that is never started is released with it', async (scope) => {
  const session = await newSession(scope, 'exec sleep 100');
  await session.start();
  const { id, task } = session;
  const spec = { typeUrl: '', value: Buffer.from(JSON.stringify(shellProcess('true'))) };
  await task.exec({ id, execId: 'e', terminal: true, spec });
  const client = await session.attach({ execId: 'e' });
  await task.delete({ id, execId: 'e' });
  await client.output.all();
});

leakTest('a process without a terminal is listed, and cannot be attached to', async (scope) => {
  const session = await newSession(scope, 'exec sleep 100');
  await session.start();
  const { id, task } = session;
  const spec = { typeUrl: '', value: Buffer.from(JSON.stringify(shellProcess('exec sleep 100'))) };
  await task.exec({ id, execId: 'e', spec });
  await session.start('e');
  const { terminal, tty, state } = await session.describe('e');
  assert.deepEqual({ terminal, tty, state }, { terminal: false, tty: '', state: 'running' });
  await assert.rejects(session.attach({ execId: 'e' }), {
    code: Code.FailedPrecondition,
    message: 'the process e of the container c has no terminal, so nobody can attach to it',
  });
});

leakTest('a container that is deleted by force releases its clients', async (scope) => {
  const session = await newSession(scope, 'exec sleep 100');
  await session.start();
  const client = await session.attach();
  await session.shim.forget({ id: session.id });
  await client.output.all();
});

leakTest('a session reports how long its console has waited for a reader', async (scope) => {
  const stdout = newFifo(scope);
  const reader = openReader(scope, stdout);
  const session = await newSession(scope, 'read -r go; yes; exec sleep 100', { stdout });
  const client = await session.attach();
  await session.start();
  assert.equal((await session.describe()).waitingSince, undefined);
  const before = Date.now() / 1000;
  await client.type('\n');
  const { seconds } = await waitFor(async () => (await session.describe()).waitingSince, 'the wait');
  assert.ok(Math.abs(Number(seconds) - before) < 5);
  const output = readFrom(reader.fd);
  await output.hasBytes(1_000_000);
  output.close();
});

leakTest("a container of containerd has a FIFO for containerd's client, and other clients beside it", async (scope) => {
  const script = 'stty -echo; echo before; while read -r line; do echo "got $line"; done';
  const session = await newSession(scope, script, { isOfContainerd: true });
  await session.start();
  await waitFor(async () => (await session.describe()).stdoutBytes > 0n, 'the output');
  const client = await session.attach();
  await client.type('x\n');
  const seen = await client.output.expect('got x');
  assert.doesNotMatch(seen, /before/, 'nobody had asked for it to be kept');
  await client.type('y\n');
  await client.output.expect('got y');
  const second = await session.attach();
  await second.output.expect('got y');
});
