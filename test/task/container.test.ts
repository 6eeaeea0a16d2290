/*
 * A container goes through its life from create to delete, with the pty runtime and real FIFOs. The order of the
 * reports is a promise: an exit never comes before its start, the exit of the init comes last, and each exit comes
 * after the output of its process. Processes that end at once, clients that leave and commands in the wrong state could
 * break it, so the tests use these.
 */
import assert from 'node:assert/strict';
import { leakTest } from '../helpers/base/leak-free.js';
import { newContainer, newStdio, shellProcess } from '../helpers/runtime/task.js';
import { waitFor, within } from '../helpers/base/wait-for.js';
import { writeAll } from '../helpers/copy/write-all.js';

const sigkill = 9;

leakTest('a container is created, started, ended and deleted', async (scope) => {
  const { stdio, output } = newStdio(scope, 'terminal');
  const { container, story } = await newContainer(scope, 'stty size; exit 7', stdio);
  assert.equal(container.init.state, 'created');
  assert.equal(await container.start(''), container.init.pid);
  const exit = await within(container.init.exited, 'the exit');
  assert.equal(exit.status, 7);
  assert.match(await output.expect('80'), /^24 80\r\n$/);
  assert.equal(container.init.state, 'stopped');
  assert.deepEqual(await container.delete(''), exit);
  assert.equal(container.init.state, 'deleted');
  assert.deepEqual(story(), ['create', 'start', 'exit', 'delete']);
});

leakTest('all output of a process has been passed on before its exit is reported', async (scope) => {
  const { stdio, output } = newStdio(scope, 'terminal');
  const script = 'i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done';
  const { container } = await newContainer(scope, script, stdio);
  await container.start('');
  await within(container.init.exited, 'the exit');
  await output.expect('line 1999\r\n');
});

leakTest('a command in the wrong state names both states, and changes nothing', async (scope) => {
  const { stdio } = newStdio(scope, 'terminal');
  const { container, story } = await newContainer(scope, 'exec sleep 100', stdio);
  const refused = (promise: Promise<unknown>, words: RegExp) =>
    assert.rejects(promise, { code: 'ERR_STATE_INVALID', message: words });
  await refused(container.pause(), /is created and cannot become paused/);
  await refused(container.resume(), /is created and cannot become running/);
  await container.start('');
  await refused(container.start(''), /is running and cannot become running/);
  await refused(container.resume(), /is running and cannot become running/);
  await refused(container.delete(''), /is running and cannot become deleted/);
  await container.pause();
  await refused(container.pause(), /is paused and cannot become paused/);
  await refused(container.start(''), /is paused and cannot become running/);
  await container.resume();
  await container.kill('', sigkill, false);
  await within(container.init.exited, 'the exit');
  await refused(container.start(''), /is stopped and cannot become running/);
  await refused(container.pause(), /is stopped and cannot become paused/);
  assert.throws(() => container.addExec('late', shellProcess('true'), stdio), { code: 'ERR_STATE_INVALID' });
  await assert.rejects(container.kill('', sigkill, false), { code: 'ERR_PROCESS_NOT_FOUND' });
  assert.deepEqual(story(), ['create', 'start', 'paused', 'resumed', 'exit']);
});

leakTest('if two starts are requested at the same time, one starts the process', async (scope) => {
  const { stdio } = newStdio(scope, 'terminal');
  const { container, story } = await newContainer(scope, 'exec sleep 100', stdio);
  const starts = await Promise.allSettled([container.start(''), container.start('')]);
  assert.deepEqual(starts.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  assert.deepEqual(story(), ['create', 'start']);
});

leakTest('a container that was never started can be deleted', async (scope) => {
  const { stdio } = newStdio(scope, 'terminal');
  const { container, story } = await newContainer(scope, 'true', stdio);
  await within(container.delete(''), 'the delete');
  assert.deepEqual(story(), ['create', 'exit', 'delete']);
});

leakTest('a process that ends at once does not end before it was started', async (scope) => {
  for (let round = 0; round < 5; round++) {
    const { stdio } = newStdio(scope, 'terminal');
    const { container, story } = await newContainer(scope, 'exit 3', stdio);
    await container.start('');
    assert.equal((await within(container.init.exited, 'the exit')).status, 3);
    assert.deepEqual(story(), ['create', 'start', 'exit']);
  }
});

leakTest('an exec process is added, started, ended and deleted, and its id is free again', async (scope) => {
  const { stdio } = newStdio(scope, 'terminal');
  const { container, story } = await newContainer(scope, 'exec sleep 100', stdio);
  await container.start('');
  const other = newStdio(scope, 'terminal');
  container.addExec('e', shellProcess('echo done; exit 4'), other.stdio);
  assert.throws(() => container.addExec('e', {}, other.stdio), { code: 'ERR_ID_IN_USE' });
  const pid = await container.start('e');
  assert.equal((await within(container.process('e').exited, 'the exit')).status, 4);
  await other.output.expect('done');
  assert.equal(container.process('e').pid, pid);
  await container.delete('e');
  assert.throws(() => container.process('e'), { code: 'ERR_PROCESS_NOT_FOUND' });
  container.addExec('e', shellProcess('true'), other.stdio);
  const added = container.process('e');
  await container.delete('e');
  await assert.rejects(added.exited, { code: 'ERR_PROCESS_NOT_FOUND' });
  assert.deepEqual(story(), ['create', 'start', 'exec-added e', 'exec-started e', 'exit e', 'exec-added e']);
});

leakTest('if two deletes are requested at the same time, the second finds no container', async (scope) => {
  const { stdio } = newStdio(scope, 'terminal');
  const { container, story } = await newContainer(scope, 'exec sleep 100', stdio);
  await container.start('');
  container.addExec('e', shellProcess('true'), newStdio(scope, 'terminal').stdio);
  const gone = { code: 'ERR_PROCESS_NOT_FOUND' };
  await Promise.all([container.delete('e'), assert.rejects(container.delete('e'), gone)]);
  await container.kill('', sigkill, false);
  await within(container.init.exited, 'the exit');
  await Promise.all([container.delete(''), assert.rejects(container.delete(''), gone)]);
  assert.deepEqual(story(), ['create', 'start', 'exec-added e', 'exit', 'delete']);
});

leakTest('a size that was set before there was a terminal is right from the first byte', async (scope) => {
  const { stdio } = newStdio(scope, 'terminal');
  const { container } = await newContainer(scope, 'exec sleep 100', stdio);
  await container.start('');
  const other = newStdio(scope, 'terminal');
  container.addExec('e', shellProcess('stty size'), other.stdio);
  container.process('e').resize({ columns: 123, rows: 45 });
  await container.start('e');
  assert.match(await other.output.expect('123'), /^45 123/);
});

leakTest('the exit of the init is reported last, even if an exec process would live longer', async (scope) => {
  const { stdio } = newStdio(scope, 'terminal');
  const { container, story } = await newContainer(scope, 'exec sleep 100', stdio);
  await container.start('');
  container.addExec(
    'e',
    shellProcess('trap "" HUP TERM; while :; do sleep 1; done'),
    newStdio(scope, 'terminal').stdio,
  );
  await container.start('e');
  await container.kill('', sigkill, false);
  await within(container.init.exited, 'the exit');
  assert.deepEqual(story().slice(-2), ['exit e', 'exit']);
});

leakTest('an exec process whose reader of stdout never comes fails, and does not stay', async (scope) => {
  const { stdio } = newStdio(scope, 'terminal');
  const { container } = await newContainer(scope, 'exec sleep 100', stdio, { connectTimeoutMs: 3000 });
  await container.start('');
  const other = newStdio(scope, 'terminal');
  other.leave();
  container.addExec('e', shellProcess('exec sleep 1234'), other.stdio);
  await assert.rejects(container.start('e'), { code: 'ERR_FIFO_TIMEOUT' });
  await waitFor(async () => (await container.pids()).length === 1, 'the process to be gone');
  await container.delete('e');
});

leakTest('the exit is reported at once without a reader, and a returning reader gets the output', async (scope) => {
  const client = newStdio(scope, 'terminal');
  const { container } = await newContainer(scope, 'echo last words; exit 5', client.stdio);
  client.leave();
  await container.start('');
  assert.equal((await within(container.init.exited, 'the exit', 3000)).status, 5);
  await client.comeBack().expect('last words');
});

leakTest('the exit is reported and delete does not wait if the FIFO is full and nobody reads', async (scope) => {
  const client = newStdio(scope, 'terminal');
  const { container } = await newContainer(scope, 'exec yes', client.stdio);
  client.leave();
  await container.start('');
  await container.kill('', sigkill, false);
  assert.equal((await within(container.init.exited, 'the exit', 3000)).status, 137);
  await within(container.delete(''), 'the delete', 3000);
});

leakTest('stdin ends with closeStdin and the last writer, not with the first that leaves', async (scope) => {
  const client = newStdio(scope, 'terminal');
  const { container } = await newContainer(scope, 'exec cat', client.stdio);
  await container.start('');
  const first = await client.openInput();
  await writeAll(first.fd, Buffer.from('one\r'));
  await client.output.expect('one\r\none\r\n');
  first.close();
  const second = await client.openInput();
  await writeAll(second.fd, Buffer.from('two\r'));
  await client.output.expect('two\r\ntwo\r\n');
  container.init.closeStdin();
  second.close();
  assert.equal((await within(container.init.exited, 'the end by SIGHUP')).status, 129);
});

leakTest('without a terminal stdout and stderr stay apart, and stdin ends after closeStdin', async (scope) => {
  const client = newStdio(scope, 'pipes');
  const { container } = await newContainer(scope, 'echo wrong >&2; cat; echo end', client.stdio);
  await container.start('');
  const input = await client.openInput();
  await writeAll(input.fd, Buffer.from('typed\n'));
  await client.output.expect('typed\n');
  container.init.closeStdin();
  input.close();
  assert.equal((await within(container.init.exited, 'the exit')).status, 0);
  assert.equal(await client.output.expect('end\n'), 'typed\nend\n');
  assert.equal(await client.errors.expect('\n'), 'wrong\n');
});

leakTest('a runtime that fails to create leaves nothing', async (scope) => {
  const { stdio } = newStdio(scope, 'terminal');
  const bundle = '/nonexistent/bundle';
  await assert.rejects(newContainer(scope, 'true', stdio, { bundle }), { code: 'ERR_RUNTIME_FAILED' });
});
