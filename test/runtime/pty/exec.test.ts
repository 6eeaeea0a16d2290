/**
 * A second process in a container can fail like the first one, and it must not outlive the container: only the
 * runtime's own record connects the two. The tests try each way to start a second process, and each way to end it.
 */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { reap } from '../orphans.js';
import { listenForConsole } from '../receive-console.js';
import { command, failed, readPid, setUp } from './testbed.js';

test('exec runs a process with the environment and directory of its file', async (t) => {
  const testbed = await setUp(t, { args: ['sleep', '1000'] });
  const { runtime, bundle, out, output, pidFile, directory, root } = testbed;
  await runtime.create('c', { bundle, pidFile, stdio: ['ignore', out, out] });
  await runtime.start('c');
  const processFile = join(directory, 'process.json');
  const write = (process: object): void =>
    writeFileSync(processFile, JSON.stringify({ cwd: '/', env: ['PATH=/usr/bin:/bin'], ...process }));

  await t.test('exec in the foreground returns the status', async () => {
    write({ args: ['sh', '-c', 'echo foreground; exit 7'] });
    assert.equal(await runtime.exec('c', { processFile, stdio: ['ignore', out, out] }), 7);
    assert.equal(output(), 'foreground\n');
    write({ args: ['sh', '-c', 'kill -TERM $$'] });
    assert.equal(await runtime.exec('c', { processFile, stdio: ['ignore', out, out] }), 128 + 15);
  });

  await t.test('exec --detach with a terminal sends a console of its own', async (tt) => {
    write({
      args: ['sh', '-c', 'stty size; read line; exit 5'],
      terminal: true,
      consoleSize: { width: 90, height: 30 },
    });
    const receiver = listenForConsole(tt, directory, 'exec.sock');
    const execPidFile = join(directory, 'exec-pid');
    await runtime.exec('c', { processFile, detach: true, consoleSocket: receiver.path, pidFile: execPidFile });
    const console = await receiver.receive();
    await console.waitForOutput('30 90\r\n');
    const pid = readPid(execPidFile);
    assert.deepEqual(new Set(await runtime.ps('c')), new Set([readPid(pidFile), pid]));
    console.type('\n');
    assert.equal(await reap(pid), 5);
  });

  await t.test('exec takes the command from its arguments', async (tt) => {
    const plain = await command('--root', root, 'exec', 'c', 'sh', '-c', 'echo "$0 $1"; exit 4', 'x', '--tty');
    assert.deepEqual(plain, { status: 4, stdout: 'x --tty\n', stderr: '' });
    const receiver = listenForConsole(tt, directory, 'args.sock');
    const inTerminal = command(
      '--root',
      root,
      'exec',
      '-t',
      '--console-socket',
      receiver.path,
      'c',
      'sh',
      '-c',
      'tty; exit 6',
    );
    const console = await receiver.receive();
    assert.deepEqual(await inTerminal, { status: 6, stdout: '', stderr: '' });
    assert.equal(console.output(), `${console.label}\r\n`);
  });

  await t.test('exec refuses a process that cannot run', async () => {
    write({ args: ['nonesuch'] });
    const message = 'pty exec failed: exec: "nonesuch": executable file not found in $PATH';
    await assert.rejects(runtime.exec('c', { processFile, detach: true }), failed(message));
    await assert.rejects(runtime.exec('c', { processFile, stdio: ['ignore', out, out] }), failed(message));
    const none = await command('--root', root, 'exec', 'c');
    assert.deepEqual([none.status, none.stderr], [1, 'exec needs a command, or --process\n']);
    write({ args: ['true'], terminal: true });
    await assert.rejects(
      runtime.exec('c', { processFile }),
      failed(/cannot allocate tty without setting console socket/),
    );
  });

  await t.test('delete --force ends an exec process, and exec is refused after the end of the container', async () => {
    write({ args: ['sh', '-c', 'sleep 1000; true'] });
    const execPidFile = join(directory, 'late-pid');
    await runtime.exec('c', { processFile, detach: true, pidFile: execPidFile });
    await runtime.kill('c', 9);
    await reap(readPid(pidFile));
    await assert.rejects(
      runtime.exec('c', { processFile }),
      failed('pty exec failed: cannot exec in a stopped container'),
    );
    await runtime.delete('c');
    assert.equal(await reap(readPid(execPidFile)), 128 + 9);
    assert.deepEqual(readdirSync(root), []);
  });
});
