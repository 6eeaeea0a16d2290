/*
 * A recording gets the input of a console from a tap. The input comes from the stdin FIFO, which the addon moves alone
 * if there is no tap, from clients, and from termshim itself, which types ^D at the end of stdin. What could break:
 * bytes are moved without a report, their order is not that of the console, a closed tap still gets bytes, or the input
 * stops when a tap closes.
 */
import assert from 'node:assert/strict';
import { FifoReader, FifoWriter } from '../../../src/os/fifo.js';
import { startSession } from '../../helpers/copy/console-session.js';
import { newFifo } from '../../helpers/copy/fifo-ends.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { pattern } from '../../helpers/copy/pattern.js';
import { within } from '../../helpers/base/wait-for.js';
import { writeAll } from '../../helpers/copy/write-all.js';

leakTest('a tap gets all input of the console, in order', async (scope) => {
  const session = await startSession(scope);
  session.run('stty raw -echo; echo ready; exec cat');
  await session.screen.expect('ready');
  await session.type('before ');
  await session.screen.expect('before ');
  let heard = '';
  const listening = session.copy.observeInput((bytes) => (heard += Buffer.from(bytes).toString()));
  const path = newFifo(scope);
  const reader = FifoReader.open(path);
  scope.after(() => reader.close());
  const client = session.copy.addInput({ fd: reader.fd, onTyped() {}, onEnd() {} });
  scope.after(() => client.close());
  const writer = await FifoWriter.open(path, { timeoutMs: 1000 });
  scope.after(() => writer.close());
  await session.type('one ');
  await session.screen.expect('one ');
  await writeAll(writer.fd, 'two ');
  await session.screen.expect('two ');
  await session.type('three ');
  await session.screen.expect('three ');
  assert.equal(heard, 'one two three ');
  listening.close();
  await session.type('four ');
  await writeAll(writer.fd, 'five ');
  await session.screen.expect('five ');
  assert.equal(heard, 'one two three ');
  let again = '';
  session.copy.observeInput((bytes) => (again += Buffer.from(bytes).toString()));
  await session.type('six ');
  await session.screen.expect('six ');
  assert.equal(again, 'six ');
});

leakTest('a tap gets a long paste whole', async (scope) => {
  const session = await startSession(scope);
  session.run('stty raw -echo; echo ready; exec head -c 500000 >/dev/null');
  await session.screen.expect('ready');
  const heard: Buffer[] = [];
  session.copy.observeInput((bytes) => void heard.push(Buffer.from(bytes)));
  const paste = pattern(500_000);
  await session.type(paste);
  await within(session.copy.done, 'the end');
  assert.ok(Buffer.concat(heard).equals(paste));
});

leakTest('a tap gets the end of stdin as the character that is typed in its place', async (scope) => {
  const session = await startSession(scope, { stdinEnd: 'veof' });
  session.run('stty -echo; echo ready; exec cat');
  await session.screen.expect('ready');
  let heard = '';
  session.copy.observeInput((bytes) => (heard += Buffer.from(bytes).toString()));
  await session.type('line\n');
  session.leaveKeyboard();
  await within(session.copy.done, 'the end');
  assert.equal(heard, 'line\n\u0004');
});

leakTest('a tap that is opened after the end gets nothing, and leaves nothing behind', async (scope) => {
  const session = await startSession(scope);
  session.run('exit 0');
  await within(session.copy.done, 'the end');
  const listening = session.copy.observeInput(() => assert.fail('nothing is typed any more'));
  listening.close();
});
