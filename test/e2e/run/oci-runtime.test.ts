/**
 * runc and crun differ in their logs, their answers and the descriptors that they leave open. A change in one of them,
 * or an option that only one knows, shows only with the real programs. Each runtime takes a container through its whole
 * life here, with and without a terminal, and through its failures; then nothing may be left in its state directory.
 * The test process is a subreaper, as the daemon is, and reaps the processes itself.
 *
 * If cgroups are mounted in hybrid mode, crun 1.8.1 works only if it cannot see the unified hierarchy.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, closeSync, existsSync, mkdtempSync, openSync } from 'node:fs';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DefaultSpecOptions, defaultSpec, writeBundle } from '../../../src/runtime/spec/default-spec.js';
import { type OciRuntime, ociRuntime } from '../../../src/runtime/oci-runtime.js';
import { cgroupFile } from '../../helpers/runtime/cgroup.js';
import { containersIn } from '../../helpers/runtime/crun-command.js';
import { missing } from '../../helpers/base/requirement.js';
import { makeRootfs } from '../../helpers/runtime/rootfs.js';
import { waitFor } from '../../helpers/base/wait-for.js';
import { adoptOrphans, reap, reapOrphans } from '../../runtime/orphans.js';
import { listenForConsole } from '../../runtime/receive-console.js';

const hidesUnified = ['unshare', '-m', 'sh', '-c', 'umount /sys/fs/cgroup/unified; exec crun "$@"', 'crun'];
const isHybrid = existsSync('/sys/fs/cgroup/unified');
const commands = { runc: ['runc'], crun: isHybrid ? hidesUnified : ['crun'] };
const names = ['runc', 'crun'] as const;

interface Testbed {
  directory: string;
  runtime: OciRuntime;
  bundle: string;
  pidFile: string;
  /** What the container wrote to the descriptor `out`. */
  output: () => string;
  out: number;
}

async function setUp(
  t: TestContext,
  name: (typeof names)[number],
  options: Partial<DefaultSpecOptions>,
): Promise<Testbed> {
  adoptOrphans();
  const directory = mkdtempSync(join(tmpdir(), 'termshim-test-'));
  const stateRoot = join(directory, 'state');
  const runtime = ociRuntime({ command: commands[name], name, root: stateRoot });
  const out = openSync(join(directory, 'out'), 'w');
  t.after(async () => {
    await runtime.delete('c', { force: true }).catch(() => {});
    reapOrphans();
    const left = existsSync(stateRoot) ? containersIn(stateRoot) : [];
    closeSync(out);
    rmSync(directory, { recursive: true, force: true });
    assert.deepEqual(left, [], 'containers were left behind');
  });
  const rootfs = makeRootfs(directory);
  const bundle = join(directory, 'bundle');
  const spec = defaultSpec({ rootfs, args: ['sh'], terminal: false, rootless: false, ...options });
  await writeBundle(bundle, spec);
  const output = (): string => readFileSync(join(directory, 'out'), 'utf8');
  return { directory, runtime, bundle, pidFile: join(directory, 'pid'), output, out };
}

const readPid = (path: string): number => Number(readFileSync(path, 'utf8'));

async function statusOf(runtime: OciRuntime): Promise<string> {
  return (await runtime.state('c')).status;
}

for (const name of names) {
  const skip = missing('root', 'busybox', name);

  test(`${name}: a container is created, started, killed and deleted`, { skip }, async (t) => {
    const args = ['sh', '-c', 'echo ready; exec sleep 1000'];
    const { runtime, bundle, pidFile, out, output } = await setUp(t, name, { args, hostname: 'box' });
    await runtime.create('c', { bundle, pidFile, stdio: ['ignore', out, out] });
    const pid = readPid(pidFile);
    const created = await runtime.state('c');
    assert.deepEqual([created.id, created.status, created.pid, created.bundle], ['c', 'created', pid, bundle]);
    assert.equal(output(), '');
    await runtime.start('c');
    await waitFor(() => output() === 'ready\n', 'the container to be ready');
    assert.equal(await statusOf(runtime), 'running');
    assert.deepEqual(await runtime.ps('c'), [pid]);

    await runtime.pause('c');
    assert.equal(await statusOf(runtime), 'paused');
    await runtime.resume('c');
    assert.equal(await statusOf(runtime), 'running');

    await runtime.update('c', { pids: { limit: 77 } });
    assert.equal(readFileSync(cgroupFile(pid, 'pids', 'pids.max'), 'utf8'), '77\n');
    if (name === 'runc') assert.equal(pidsIn(await runtime.events('c')), 1);
    else await assert.rejects(runtime.events('c'), { code: 'ERR_RUNTIME_FAILED', message: /unknown command events/ });

    const running = { code: 'ERR_RUNTIME_FAILED', message: new RegExp(`^${name} delete failed: .+`) };
    await assert.rejects(runtime.delete('c'), running);
    await runtime.kill('c', 'SIGKILL');
    assert.equal(await reap(pid), 128 + 9);
    assert.equal(await statusOf(runtime), 'stopped');
    await runtime.delete('c');
    await assert.rejects(runtime.state('c'), {
      code: 'ERR_RUNTIME_FAILED',
      message: new RegExp(`^${name} state failed: .+`),
    });
  });

  test(`${name}: exec runs a second process with a terminal`, { skip }, async (t) => {
    const { directory, runtime, bundle, pidFile, out, output } = await setUp(t, name, { args: ['sleep', '1000'] });
    await runtime.create('c', { bundle, pidFile, stdio: ['ignore', out, out] });
    await runtime.start('c');
    const processFile = join(directory, 'process.json');
    const write = (...args: string[]): void =>
      writeFileSync(processFile, JSON.stringify({ args, cwd: '/', env: ['PATH=/bin'], user: { uid: 0, gid: 0 } }));
    const stdio = ['ignore', out, out] as const;

    write('sh', '-c', 'echo foreground; exit 7');
    assert.equal(await runtime.exec('c', { processFile, stdio }), 7);
    assert.equal(output(), 'foreground\n');

    write('sh', '-c', 'exec sleep 1000');
    const execPidFile = join(directory, 'exec-pid');
    assert.equal(await runtime.exec('c', { processFile, stdio, detach: true, pidFile: execPidFile }), 0);
    const execPid = readPid(execPidFile);
    assert.deepEqual(new Set(await runtime.ps('c')), new Set([readPid(pidFile), execPid]));
    process.kill(execPid, 'SIGKILL');
    assert.equal(await reap(execPid), 128 + 9);

    write('nonesuch');
    const failed = {
      code: 'ERR_RUNTIME_FAILED',
      message: new RegExp(`^${name} exec failed: .*nonesuch.*not found in \\$PATH`),
    };
    await assert.rejects(runtime.exec('c', { processFile, detach: true }), failed);
    await assert.rejects(runtime.exec('c', { processFile, stdio }), failed);
    await runtime.kill('c', 9);
    await reap(readPid(pidFile));
  });

  test(`${name}: a terminal has its size from the beginning`, { skip }, async (t) => {
    const size = { columns: 132, rows: 43 };
    const args = ['sh', '-c', 'tty; stty size; exit 3'];
    const { directory, runtime, bundle, pidFile } = await setUp(t, name, { args, terminal: true, size });
    const receiver = listenForConsole(t, directory);
    await runtime.create('c', { bundle, pidFile, consoleSocket: receiver.path });
    const console = await receiver.receive();
    assert.equal(console.size(), '132x43');
    await runtime.start('c');
    assert.equal(await reap(readPid(pidFile)), 3);
    assert.equal(console.output(), '/dev/pts/0\r\n43 132\r\n');
  });

  test(`${name}: a create that fails reports the runtime's own reason`, { skip }, async (t) => {
    const { directory, runtime, bundle } = await setUp(t, name, { args: ['nonesuch'] });
    const reason = new RegExp(`^${name} create failed: .*nonesuch.*not found in \\$PATH`);
    await assert.rejects(runtime.create('c', { bundle }), { code: 'ERR_RUNTIME_FAILED', message: reason });
    const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as { process: { terminal: boolean } };
    config.process.terminal = true;
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
    const noSocket = new RegExp(`^${name} create failed: .*(console|terminal|tty)`);
    await assert.rejects(runtime.create('c', { bundle }), { code: 'ERR_RUNTIME_FAILED', message: noSocket });
    const consoleSocket = join(directory, 'none.sock');
    await assert.rejects(runtime.create('c', { bundle, consoleSocket }), {
      code: 'ERR_RUNTIME_FAILED',
      message: /^.+$/,
    });
  });
}

test('runc: the default spec of a user without root runs', { skip: missing('root', 'busybox', 'runc') }, async (t) => {
  const user = 1000;
  const { directory } = await setUp(t, 'runc', {});
  const script = `
    const { defaultSpec, writeBundle } = await import(process.argv[1]);
    await writeBundle('bundle', defaultSpec({ rootfs: 'rootfs', args: ['id', '-u'], terminal: false, rootless: true }));
  `;
  const module = new URL('../../../src/runtime/spec/default-spec.js', import.meta.url).href;
  const workplace = join(directory, 'rootless');
  const asUser = { uid: user, gid: user, cwd: workplace, env: { ...process.env, XDG_RUNTIME_DIR: workplace } };
  makeRootfs(workplace);
  for (const path of [directory, workplace]) chmodSync(path, 0o755);
  chownSync(workplace, user, user);
  const node = spawn(process.execPath, ['--input-type=module', '-e', script, module], { ...asUser, stdio: 'inherit' });
  assert.deepEqual(await once(node, 'exit'), [0, null]);
  const runc = spawn('runc', ['--root', 'state', 'run', '--bundle', 'bundle', 'c'], {
    ...asUser,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  assert.deepEqual(await Promise.all([runc.stdout.setEncoding('utf8').toArray(), once(runc, 'exit')]), [
    ['0\n'],
    [0, null],
  ]);
});

function pidsIn(stats: Record<string, unknown>): unknown {
  return (stats['pids'] as { current?: unknown }).current;
}
