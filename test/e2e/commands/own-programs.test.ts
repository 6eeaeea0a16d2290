/*
 * At SIGUSR1 Node opens its debugger to every user of the machine, and Node obeys NODE_OPTIONS; a daemon of root would
 * do both as root. What could break: a program of termshim is started in another way; there is a moment at its start
 * when Node handles the signal and termshim does not yet; a variable still reaches Node, or does not reach a runtime.
 * Each program gets the signal all the time from the moment when Node handles it, and no process may listen at a TCP
 * port.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { packageRoot } from '../../../src/package.js';
import { makeBundle as makeHostBundle } from '../../helpers/runtime/bundle.js';
import { runToEnd } from '../../helpers/base/command.js';
import { fakeRuntime, ptyRuntimeProgram } from '../../helpers/runtime/fake-runtime.js';
import { missing } from '../../helpers/base/requirement.js';
import { startShimDaemon } from '../../helpers/shim/shim-daemon.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const logDriverProgram = join(packageRoot, 'bin/termshim-log-driver');

/** Whether Node, or we, listen to SIGUSR1; see proc_pid_status(5). */
function hearsSignal(pid: number): boolean {
  const [, caught = '0'] = /^SigCgt:\t(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (BigInt(`0x${caught}`) & 0x200n) !== 0n;
}

function tcpSocketsOf(pid: number): string[] {
  const lines = ['tcp', 'tcp6'].flatMap((name) => readFileSync(`/proc/net/${name}`, 'utf8').trim().split('\n'));
  const sockets = new Set(lines.map((line) => `socket:[${line.trim().split(/\s+/)[9]}]`));
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  return links.filter((link) => sockets.has(link));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** For a second from the first moment on. It must be there at the end of it. */
async function storm(pid: number): Promise<void> {
  await waitFor(() => hearsSignal(pid), 'Node to listen to the signal');
  for (const deadline = performance.now() + 1000; performance.now() < deadline; ) {
    process.kill(pid, 'SIGUSR1');
    assert.deepEqual(tcpSocketsOf(pid), []);
    await new Promise((done) => void setImmediate(done));
  }
  assert.ok(hearsSignal(pid));
}

function start(testbed: Testbed, command: readonly string[], env = testbed.env): ChildProcess {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe', 'pipe'] });
  testbed.after(async () => {
    child.kill('SIGTERM');
    await waitFor(() => child.exitCode !== null || child.signalCode !== null, `the end of ${program}`);
  });
  return child;
}

const programs: readonly [name: string, begin: (testbed: Testbed) => Promise<number | undefined>][] = [
  ['termshim daemon', async (testbed) => start(testbed, [termshimProgram, 'daemon']).pid],
  ['a command', async (testbed) => start(testbed, [termshimProgram, 'recvtty', testbed.path('sock')]).pid],
  ['the log driver', async (testbed) => start(testbed, [logDriverProgram, 'log-path', testbed.path('log')]).pid],
  [
    'the pty runtime',
    async (testbed) => {
      const call = (...args: string[]) => [ptyRuntimeProgram, '--root', testbed.path('root'), ...args];
      const process = { args: ['sleep', '1000'], cwd: '/', env: ['PATH=/usr/bin:/bin'] };
      writeFileSync(testbed.path('config.json'), JSON.stringify({ ociVersion: '1.0.2', process }));
      for (const words of [['create', '-b', testbed.directory], ['start']]) {
        const child = spawn(call(...words, 'c')[0] ?? '', call(...words, 'c').slice(1), {
          env: testbed.env,
          stdio: 'ignore',
        });
        await waitFor(() => child.exitCode === 0, `the end of ${words[0]}`);
      }
      testbed.after(() => runToEnd(call('delete', '-f', 'c'), { env: testbed.env }));
      return start(testbed, call('exec', 'c', 'sleep', '1000')).pid;
    },
  ],
  [
    'the daemon that a command starts',
    async (testbed) => {
      const id = testbed.newId();
      start(testbed, [termshimProgram, 'run', '-d', '--name', id, '--', 'sleep', '1000']);
      testbed.after(() => runToEnd([termshimProgram, 'delete', '-f', id], { env: testbed.env }));
      const isDaemon = (it: { commandLine: string }): boolean => it.commandLine.includes('--namespace termshim');
      return waitFor(() => testbed.processes().find(isDaemon)?.pid, 'the daemon');
    },
  ],
];

for (const [name, begin] of programs) {
  test(`${name} opens no debugger at SIGUSR1, from its first moment on`, async (t) => {
    const testbed = openTestbed(t);
    testbed.letDaemonComplain();
    await storm((await begin(testbed)) ?? 0);
  });
}

test('the daemon of containerd writes a report to the log at SIGUSR1, and opens no debugger', {
  skip: missing('root'),
}, async (t) => {
  const testbed = openTestbed(t);
  const { pid, task, makeBundle, announce, request } = await startShimDaemon(testbed);
  const id = testbed.newId();
  const bundle = await makeBundle(id, ['sleep', '1000']);
  await announce(id, bundle);
  writeFileSync(join(bundle, 'log'), '');
  await task.create({ ...request(id, bundle), stdout: '' });
  testbed.after(() => task.delete({ id }));
  await storm(pid);
  const log = await waitFor(() => /^.*container=.*$/m.exec(readFileSync(join(bundle, 'log'), 'utf8'))?.[0], 'a report');
  assert.match(log, new RegExp(`level=info msg="report: container" container=${id} state=created pid=\\d+ execs=0`));
});

test('the daemon of a user writes its report to its own log at SIGUSR1', async (t) => {
  const { testbed, daemon } = await withDaemon(t, {});
  process.kill(daemon, 'SIGUSR1');
  const log = join(testbed.env['XDG_RUNTIME_DIR'] ?? '', 'termshim/daemon.log');
  const lines = await waitFor(() => {
    const text = readFileSync(log, 'utf8');
    return text.includes('report: container') ? text : undefined;
  }, 'a report');
  assert.match(lines, /msg=report version=\S+ node=v\d+\S* pid=\d+ uptime=\d+\.\ds cpu=\S+ rss=\d+ .* containers=1$/m);
  assert.doesNotMatch(lines, /XDG_RUNTIME_DIR|SECRET/);
});

/** With a container, created by a runtime that writes down its environment. */
async function withDaemon(t: TestContext, env: NodeJS.ProcessEnv) {
  const testbed = openTestbed(t);
  testbed.letDaemonComplain();
  const record = testbed.path('environment');
  const runtime = fakeRuntime(testbed, { create: `env >'${record}'` });
  const id = testbed.newId();
  const bundle = makeHostBundle(testbed, { args: ['sleep', '1000'], terminal: false, isHost: true });
  const words = ['run', '-d', '--name', id, '--runtime', runtime, '--bundle', bundle];
  const run = await runToEnd([termshimProgram, ...words], { env: { ...testbed.env, ...env, SECRET: '1' } });
  assert.deepEqual(run, { stdout: `${id}\n`, stderr: '', status: 0 });
  testbed.after(() => runToEnd([termshimProgram, 'delete', '-f', id], { env: testbed.env }));
  const daemon = testbed.processes().find((it) => it.commandLine.includes('--namespace termshim'))?.pid ?? 0;
  return { testbed, daemon, environment: () => readFileSync(record, 'utf8').split('\n') };
}

test('NODE_OPTIONS and similar variables reach runtimes, and no program of termshim', async (t) => {
  const loaded = openTestbed(t);
  const preload = loaded.path('preload.cjs');
  writeFileSync(preload, `require('fs').appendFileSync('${loaded.path('who')}', process.argv.join(' ') + '\\n')`);
  const given = {
    NODE_OPTIONS: `--require=${preload} --inspect=127.0.0.1:0`,
    NODE_PATH: loaded.directory,
    NODE_DEBUG: 'net,fs',
    NODE_V8_COVERAGE: loaded.path('coverage'),
    NODE_REDIRECT_WARNINGS: loaded.path('warnings'),
    NODE_EXTRA_CA_CERTS: '/nonexistent',
    NODE_COMPILE_CACHE: loaded.path('cache'),
    LD_LIBRARY_PATH: loaded.directory,
    OPENSSL_CONF: '/nonexistent',
  };
  const { testbed, daemon, environment } = await withDaemon(t, {
    ...given,
    TERMSHIM_ADDON: '/nonexistent',
    TERMSHIM_KEPT_LD_AUDIT: '/nonexistent.so',
  });
  assert.equal(existsSync(loaded.path('who')), false);
  for (const name of ['coverage', 'warnings', 'cache']) assert.equal(existsSync(loaded.path(name)), false, name);
  assert.deepEqual(tcpSocketsOf(daemon), []);
  const own = readFileSync(`/proc/${daemon}/environ`, 'utf8').split('\0');
  assert.deepEqual(
    own.filter((entry) => /^(NODE|LD|OPENSSL)_/.test(entry)),
    [],
  );
  const seen = environment();
  for (const [name, value] of Object.entries(given)) assert.ok(seen.includes(`${name}=${value}`), name);
  assert.deepEqual(
    seen.filter((entry) => /TERMSHIM_(KEPT|ADDON)|LD_AUDIT/.test(entry)),
    [],
  );
  for (const name of ['PATH', 'HOME']) assert.ok(seen.includes(`${name}=${testbed.env[name]}`), name);
});
