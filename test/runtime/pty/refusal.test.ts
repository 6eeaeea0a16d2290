/**
 * A refused command must say why in one line and leave nothing behind, whichever step it reached: no state, no pid
 * file, no stub that waits for ever. The tests try every misuse of every verb on the real program.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { OciProcess } from '../../../src/runtime/spec/oci-spec.js';
import { reap, reapOrphans } from '../orphans.js';
import { listenForConsole } from '../receive-console.js';
import { command, createInTerminal, failed, setUp } from './testbed.js';
import { childrenOf } from '../../helpers/base/process-state.js';

test('every verb is refused in a state that does not allow it', async (t) => {
  const testbed = await setUp(t, { args: ['sleep', '1000'], terminal: true });
  const { runtime, bundle } = testbed;
  for (const verb of ['start', 'state', 'pause', 'resume', 'ps', 'delete'] as const) {
    await assert.rejects(runtime[verb]('c'), failed(`pty ${verb} failed: container does not exist: c`));
  }
  await assert.rejects(runtime.kill('c', 9), failed('pty kill failed: container does not exist: c'));
  await assert.rejects(runtime.state('../c'), failed(/^pty state failed: the container id "\.\.\/c" has characters/));

  const { pid } = await createInTerminal(t, testbed);
  const receiver = listenForConsole(t, testbed.directory, 'second.sock');
  const again = runtime.create('c', { bundle, consoleSocket: receiver.path });
  await assert.rejects(again, failed('pty create failed: container with given ID already exists: c'));
  await runtime.start('c');
  await assert.rejects(runtime.start('c'), failed('pty start failed: cannot start an already running container'));
  await runtime.kill('c', 9);
  await reap(pid);
  await assert.rejects(runtime.start('c'), failed('pty start failed: cannot start a container that has stopped'));
  await assert.rejects(runtime.ps('c'), failed('pty ps failed: container is not running'));
});

test('start reports a stub that was killed', async (t) => {
  const testbed = await setUp(t, { args: ['sleep', '1000'], terminal: true });
  const { pid } = await createInTerminal(t, testbed);
  process.kill(pid, 'SIGKILL');
  await reap(pid);
  await assert.rejects(
    testbed.runtime.start('c'),
    failed('pty start failed: cannot start a container that has stopped'),
  );
});

test('a create that fails leaves nothing behind', async (t) => {
  const before = childrenLeft(process.pid);
  const attempt = async (process: Partial<OciProcess>, message: RegExp, more: object = {}): Promise<void> => {
    const { runtime, bundle, root, pidFile } = await setUp(t, process);
    await assert.rejects(runtime.create('c', { bundle, pidFile, ...more }), failed(message));
    assert.deepEqual(existsSync(root) ? readdirSync(root) : [], []);
    assert.equal(existsSync(pidFile), false);
    assert.deepEqual(childrenLeft(globalThis.process.pid), before, 'a process stayed');
  };
  const consoleSocket = '/nonexistent/pty.sock';
  const terminal = true;
  await attempt({ terminal }, /cannot allocate tty without setting console socket$/);
  await attempt({}, /cannot use console socket if the runtime will not allocate tty$/, { consoleSocket });
  await attempt({ terminal }, /cannot connect to the console socket .*\(ENOENT\)$/, { consoleSocket });
  await attempt({ terminal }, /longer than 107 bytes/, { consoleSocket: `/tmp/${'x'.repeat(120)}` });
  await attempt({}, /cannot write \/nonexistent\/pid: .*\(ENOENT\)$/, { pidFile: '/nonexistent/pid' });
  await attempt({ args: ['nonesuch'] }, /exec: "nonesuch": executable file not found in \$PATH$/);
  await attempt({ args: ['sh'], env: [] }, /exec: "sh": executable file not found in \$PATH$/);
  await attempt({ args: ['/etc/passwd'] }, /exec: "\/etc\/passwd": \/etc\/passwd is not an executable file$/);
  await attempt({ cwd: '/nonexistent' }, /chdir to cwd \("\/nonexistent"\) set in config\.json failed: no such file/);
  await attempt({ cwd: '/etc/passwd' }, /chdir to cwd .* failed: not a directory$/);
  await attempt({ env: ['PATH=/bin', 'NOVALUE'] }, /process\.env has "NOVALUE", which is not NAME=value$/);
  await attempt({ args: [] }, /config\.json: process\.args must not be empty$/);
});

test('the command line reports its errors to stderr and to the log', async (t) => {
  const log = join((await setUp(t, {})).directory, 'log');
  const help = await command('--help');
  assert.equal(help.status, 0);
  assert.match(help.stdout, /NOT A SANDBOX/);
  assert.match(help.stdout, /Example/);
  assert.match((await command('--version')).stdout, /^termshim-runtime-pty version \S+\nspec: 1\.0\.2\n$/);
  for (const args of [[], ['frob'], ['create'], ['--frob', 'state', 'c'], ['ps', '--format', 'xml', 'c']]) {
    const outcome = await command(...args);
    assert.equal(outcome.status, 1, args.join(' '));
    assert.match(outcome.stderr, args.length > 0 ? /^[^\n]+\n$/ : /^Usage: [^]* delete --force shell\n$/);
  }
  const json = await command('--log', log, '--log-format', 'json', 'state', 'none');
  assert.deepEqual([json.status, json.stderr], [1, 'container does not exist: none\n']);
  const { level, msg, time } = JSON.parse(readFileSync(log, 'utf8')) as Record<string, string>;
  assert.deepEqual([level, msg], ['error', 'container does not exist: none']);
  assert.ok(!Number.isNaN(Date.parse(time ?? '')));
  rmSync(log);
  await command('--log', log, 'state', 'none');
  assert.match(readFileSync(log, 'utf8'), /^time="[^"]+" level=error msg="container does not exist: none"\n$/);
});

function childrenLeft(pid: number): number[] {
  reapOrphans();
  return childrenOf(pid);
}
