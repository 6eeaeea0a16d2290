/*
 * These tests run `termshim logs` as a user types it: for a file, and for a container of a fake daemon. The output of a
 * process must appear unchanged, on the stream that the process wrote to. The command must end when its reader, its
 * user or the container ends it, but not before it has shown everything.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { endedSession, environmentWithoutDaemon, serveFakeDaemon, session } from '../../../helpers/e2e/fake-daemon.js';
import { openDescriptors } from '../../../helpers/base/descriptors.js';
import type { Scope } from '../../../helpers/base/leak-free.js';
import { criEntry, jsonEntry, timeOfEntry } from '../../../helpers/log/log-lines.js';
import { temporaryDirectory } from '../../../helpers/base/temporary-directory.js';
import { startTermshim, termshim, termshimProgram } from '../../../helpers/e2e/termshim.js';
import { waitFor, within } from '../../../helpers/base/wait-for.js';
import { WrittenLog } from '../../../helpers/log/rotating-log.js';

function newLog(scope: Scope): WrittenLog {
  return new WrittenLog(join(temporaryDirectory(scope), 'web.log'));
}

function shows(stdout: string, stderr = '') {
  return { stdout, stderr, status: 0 };
}

/** Follows until the end of the test, or of the log. */
function follow(scope: Scope, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  const child = startTermshim(['logs', '--follow', ...args], { env });
  scope.after(() => child.kill('SIGKILL'));
  const shown = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.on('data', (data: Buffer) => (shown[name] += String(data)));
  const has = (lines: number) => waitFor(() => shown.stdout.split('\n').length > lines, `${lines} lines`);
  return { child, shown, has };
}

describe('logs of a file', () => {
  test('writes each stream to its own descriptor, and adds no newline', async (t) => {
    const log = newLog(t);
    log.append(jsonEntry('one\r\n') + jsonEntry('oops\n', { stream: 'stderr' }) + jsonEntry('no line end'));
    assert.deepEqual(await termshim(['logs', log.path]), shows('one\r\nno line end', 'oops\n'));
  });

  test('keeps the order of the entries if stdout and stderr are one file', async (t) => {
    const log = newLog(t);
    const expected = Array.from({ length: 2000 }, (_, n) => `${n}\n`);
    log.append(expected.map((it, n) => jsonEntry(it, { stream: n % 3 === 0 ? 'stderr' : 'stdout' })).join(''));
    const path = join(temporaryDirectory(t), 'both');
    const both = openSync(path, 'a');
    await termshim(['logs', log.path], { stdio: ['ignore', both, both] });
    closeSync(both);
    assert.equal(readFileSync(path, 'utf8'), expected.join(''));
  });

  test('prints any bytes unchanged', async (t) => {
    const log = newLog(t);
    const bytes = Buffer.from(Array.from({ length: 1024 }, (_, n) => n % 256).filter((byte) => byte !== 10));
    log.append(Buffer.concat([Buffer.from(`${timeOfEntry(1)} stdout F `), bytes, Buffer.from('\n')]));
    const child = startTermshim(['logs', log.path]);
    const shown: Buffer[] = [];
    child.stdout?.on('data', (data: Buffer) => shown.push(data));
    await once(child, 'close');
    assert.deepEqual(Buffer.concat(shown), Buffer.concat([bytes, Buffer.from('\n')]));
  });

  test('shows the last lines with --tail, the new ones with --since, their times with --timestamps', async (t) => {
    const log = newLog(t);
    for (let n = 1; n <= 9; n++) {
      log.append(criEntry(`${n}\n`, { time: timeOfEntry(n) }));
      if (n % 4 === 0) log.rotate();
    }
    assert.deepEqual(await termshim(['logs', '--tail', '2', log.path]), shows('8\n9\n'));
    assert.deepEqual(await termshim(['logs', '--tail=all', log.path]), shows('1\n2\n3\n4\n5\n6\n7\n8\n9\n'));
    assert.deepEqual(await termshim(['logs', '--since', timeOfEntry(8), log.path]), shows('8\n9\n'));
    const stamped = `${timeOfEntry(8)} 8\n${timeOfEntry(9)} 9\n`;
    assert.deepEqual(await termshim(['logs', '--timestamps', '--tail', '2', log.path]), shows(stamped));
    log.append(jsonEntry('new\n', { time: new Date().toISOString() }));
    assert.deepEqual(await termshim(['logs', '--since', '10m', log.path]), shows('new\n'));
  });

  test('prints one time for each line with --timestamps, even if the line has several parts', async (t) => {
    const log = newLog(t);
    const time = timeOfEntry(1);
    const options = { time };
    log.append(
      criEntry('a', options) +
        criEntry('x\n', { time, stream: 'stderr' }) +
        criEntry('b\n', options) +
        criEntry('c', options),
    );
    const expected = shows(`${time} ab\n${time} c`, `${time} x\n`);
    assert.deepEqual(await termshim(['logs', '--timestamps', log.path]), expected);
  });

  test('reads a file whose name has no slash, if the file exists', async (t) => {
    const log = newLog(t);
    log.append(jsonEntry('one\n'));
    const cwd = join(log.path, '..');
    assert.deepEqual(await termshim(['logs', 'web.log'], { cwd }), shows('one\n'));
  });

  test('reports how much of the file is broken', async (t) => {
    const log = newLog(t);
    log.append(`${jsonEntry('one\n')}what\n${jsonEntry('two\n')}is\nthis\n`);
    const words = `termshim: left out lines of ${log.path} that are not log entries: 3\n`;
    assert.deepEqual(await termshim(['logs', log.path]), shows('one\ntwo\n', words));
  });

  test('refuses a plain text file with status 1', async (t) => {
    const log = newLog(t);
    log.append('one\ntwo\n');
    const words = `termshim: ${log.path} is not a log but a plain file: use \`cat\` or \`tail -f\` [ERR_LOG_NOT_FOUND]\n`;
    assert.deepEqual(await termshim(['logs', log.path]), { stdout: '', stderr: words, status: 1 });
    assert.deepEqual((await termshim(['logs', '--since', '10m', log.path])).status, 0);
  });

  test('ends silently if its reader exits', async (t) => {
    const log = newLog(t);
    log.append(jsonEntry('one\n').repeat(100_000));
    const shell = spawn('bash', [
      '-c',
      '"$@" | head -n1; echo "${PIPESTATUS[*]}"',
      '-',
      termshimProgram,
      'logs',
      log.path,
    ]);
    const [stdout, stderr] = await Promise.all([text(shell.stdout), text(shell.stderr)]);
    assert.deepEqual({ stdout, stderr }, { stdout: 'one\n141 0\n', stderr: '' });
  });

  test('waits for a slow reader', async (t) => {
    const log = newLog(t);
    const line = `${'x'.repeat(1000)}\n`;
    log.append(jsonEntry(line).repeat(20_000));
    const child = startTermshim(['logs', log.path]);
    t.after(() => child.kill('SIGKILL'));
    await once(child.stdout as NodeJS.ReadableStream, 'readable');
    const memory = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
    // What it holds back it would have in memory.
    await waitFor(() => /^State:\s+S/m.test(readFileSync(`/proc/${child.pid}/status`, 'utf8')), 'it to wait');
    assert.ok(memory() < 150_000, `${memory()} KiB`);
    let bytes = 0;
    child.stdout?.on('data', (data: Buffer) => (bytes += data.length));
    assert.deepEqual(await once(child, 'close'), [0, null]);
    assert.equal(bytes, 20_000 * line.length);
  });

  test('fails with one line if there is no log file', async (t) => {
    const { env } = environmentWithoutDaemon(t);
    const stderr = 'termshim: there is no log at ./none [ERR_LOG_NOT_FOUND]\n';
    assert.deepEqual(await termshim(['logs', './none'], { env }), { stdout: '', stderr, status: 1 });
  });

  for (const option of ['--tail=x', '--tail=-1', '--since=tomorrow', '--since=']) {
    test(`refuses ${option}`, async () => {
      const { stderr, status } = await termshim(['logs', option, 'web']);
      assert.match(stderr, /^error: option .* is invalid\. (The value is a number of lines|A time is)\b/);
      assert.equal(status, 2);
    });
  }
});

describe('logs --follow of a file', () => {
  test('goes on through a rotation until ^C', async (t) => {
    const log = newLog(t);
    log.append(jsonEntry('1\n'));
    const { child, shown, has } = follow(t, [log.path]);
    await has(1);
    log.append(jsonEntry('2\n'));
    renameSync(log.path, `${log.path}.1`);
    writeFileSync(log.path, jsonEntry('3\n') + jsonEntry('e\n', { stream: 'stderr' }));
    await has(3);
    await waitFor(() => shown.stderr !== '', 'the other stream');
    assert.deepEqual(shown, { stdout: '1\n2\n3\n', stderr: 'e\n' });
    const own = openDescriptors(child.pid).filter((it) => it.includes('web.log'));
    assert.equal(own.length, 1, own.join());
    child.kill('SIGINT');
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGINT']);
  });

  test('ends when its reader exits, even if nothing is written', async (t) => {
    const log = newLog(t);
    log.append(jsonEntry('starting\n') + jsonEntry('ready\n'));
    const words = [
      '-c',
      '"$@" | grep -m1 ready; echo "${PIPESTATUS[*]}"',
      '-',
      termshimProgram,
      'logs',
      '-f',
      log.path,
    ];
    const shell = spawn('bash', words);
    t.after(() => shell.kill('SIGKILL'));
    const [stdout, stderr] = await within(Promise.all([text(shell.stdout), text(shell.stderr)]), 'the end');
    assert.deepEqual({ stdout, stderr }, { stdout: 'ready\n141 0\n', stderr: '' });
  });
});

describe('logs of a container', () => {
  test('reads the file that the daemon names', async (t) => {
    const log = newLog(t);
    log.append(jsonEntry('one\n'));
    const web = session('web', { log: log.path });
    const daemon = serveFakeDaemon(t, { list: [web], sessions: { inspect: () => ({ session: web, clients: [] }) } });
    assert.deepEqual(await termshim(['logs', 'we'], { env: daemon.env }), shows('one\n'));
    assert.deepEqual(daemon.calls, [['Inspect', { id: 'web', execId: '' }]]);
  });

  test('says how to get a log if the container has no log', async (t) => {
    const web = session('web');
    const { env } = serveFakeDaemon(t, { list: [web], sessions: { inspect: () => ({ session: web, clients: [] }) } });
    const stderr = 'termshim: the container web has no log: it was started without --log [ERR_LOG_NOT_FOUND]\n';
    assert.deepEqual(await termshim(['logs', 'web'], { env }), { stdout: '', stderr, status: 1 });
  });

  test('fails if there is no daemon', async (t) => {
    const { env } = environmentWithoutDaemon(t);
    const { stderr, status } = await termshim(['logs', 'web'], { env });
    assert.match(stderr, /^termshim: no daemon is running.*\[ERR_NO_DAEMON\]\n$/);
    assert.equal(status, 1);
  });

  test('shows all output and ends with the container', async (t) => {
    const log = newLog(t);
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    const web = session('web', { log: log.path });
    const wait = async () => {
      await ended;
      return { exitStatus: 3, exitedAt: undefined };
    };
    const inspect = () => ({ session: web, clients: [] });
    const { env } = serveFakeDaemon(t, { list: [web], sessions: { inspect }, task: { wait } });
    const { child, shown, has } = follow(t, ['web'], env);
    log.append(jsonEntry('1\n'));
    await has(1);
    log.append(jsonEntry('2\n'));
    log.rotate();
    log.append(jsonEntry('3\n'));
    end();
    assert.deepEqual(await once(child, 'close'), [0, null]);
    assert.deepEqual(shown, { stdout: '1\n2\n3\n', stderr: '' });
  });

  test('shows all output of a stopped container and ends at once', async (t) => {
    const log = newLog(t);
    log.append(jsonEntry('1\n'));
    const web = endedSession('web', 1, { log: log.path });
    const inspect = () => ({ session: web, clients: [] });
    const wait = () => ({ exitStatus: 1, exitedAt: undefined });
    const { env } = serveFakeDaemon(t, { list: [web], sessions: { inspect }, task: { wait } });
    assert.deepEqual(await termshim(['logs', '-f', 'web'], { env }), shows('1\n'));
  });

  test('shows all output if the daemon is killed, and then an error', async (t) => {
    const log = newLog(t);
    log.append(jsonEntry('1\n'));
    const web = session('web', { log: log.path });
    const inspect = () => ({ session: web, clients: [] });
    const wait = () => new Promise<never>(() => {});
    const daemon = serveFakeDaemon(t, { list: [web], sessions: { inspect }, task: { wait } });
    const { child, shown, has } = follow(t, ['web'], daemon.env);
    await has(1);
    log.append(jsonEntry('2\n'));
    daemon.kill();
    assert.deepEqual(await once(child, 'close'), [1, null]);
    assert.equal(shown.stdout, '1\n2\n');
    assert.match(shown.stderr, /^termshim: the connection to .* is closed.* \[ERR_DAEMON_FAILED\]\n$/);
  });
});
