/*
 * A user without root has no permission to create control groups. runc finds the processes of a container by its
 * control group, so it cannot kill all of them. What could break: `delete -f` leaves a running container, or reports
 * that it is gone; a kill that reaches only the first process is reported as a kill of all. The test runs as a user id
 * that nobody else has, and first checks that runc itself cannot do it.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeBundle } from '../../helpers/runtime/bundle.js';
import { type CommandResult, runToEnd } from '../../helpers/base/command.js';
import { missing } from '../../helpers/base/requirement.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const uid = 61_234;
const skip = missing('root', 'runc', 'busybox', 'userNamespaces');

interface Rootless {
  id: string;
  pid: number;
  runc(...args: string[]): Promise<CommandResult>;
  termshim(...args: string[]): Promise<CommandResult>;
}

/** A container of the user that runs, with a namespace of pids of its own or the host's. */
async function start(t: TestContext, { ownPids }: { ownPids: boolean }): Promise<Rootless> {
  const testbed = openTestbed(t);
  chmodSync(testbed.directory, 0o711);
  const runtimeDirectory = testbed.path('of-user');
  mkdirSync(runtimeDirectory, { mode: 0o700 });
  chownSync(runtimeDirectory, uid, uid);
  const bundle = makeBundle(testbed, { args: ['sleep', '1000'], terminal: false });
  writeRootlessConfig(join(bundle, 'config.json'), ownPids);
  spawnSync('chown', ['-R', `${uid}:${uid}`, testbed.rootfs, bundle]);
  const env = { ...testbed.env, XDG_RUNTIME_DIR: runtimeDirectory, HOME: '/' };
  const asUser = (command: string[]): Promise<CommandResult> =>
    runToEnd(['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', ...command], { env, cwd: '/' });
  const runc = (...args: string[]) => asUser(['runc', ...args]);
  const termshim = (...args: string[]) => asUser([termshimProgram, ...args]);
  const id = testbed.newId();
  testbed.after(async () => {
    await runc('kill', id, 'KILL');
    await termshim('delete', '--force', id);
    const stop = async (): Promise<boolean> => (await termshim('daemon', '--stop')).status === 0;
    await waitFor(stop, 'the daemon of the user to end');
  });
  assert.deepEqual(await termshim('run', '-d', '--runtime', 'runc', '--bundle', bundle, '--name', id), {
    stdout: `${id}\n`,
    stderr: '',
    status: 0,
  });
  const { pid } = JSON.parse((await runc('state', id)).stdout) as { pid: number };
  return { id, pid, runc, termshim };
}

function writeRootlessConfig(path: string, ownPids: boolean): void {
  const config = JSON.parse(readFileSync(path, 'utf8')) as {
    mounts: { destination: string }[];
    linux: { namespaces: { type: string }[]; uidMappings?: object[]; gidMappings?: object[] };
  };
  const mapping = [{ containerID: 0, hostID: uid, size: 1 }];
  const namespaces = [{ type: 'user' }, ...config.linux.namespaces.filter(({ type }) => ownPids || type !== 'pid')];
  config.linux = { ...config.linux, namespaces, uidMappings: mapping, gidMappings: mapping };
  // A proc of its own would be that of another namespace of pids.
  const ofHost = {
    destination: '/proc',
    type: 'bind',
    source: '/proc',
    options: ['rbind', 'nosuid', 'noexec', 'nodev'],
  };
  if (!ownPids) config.mounts = config.mounts.map((mount) => (mount.destination === '/proc' ? ofHost : mount));
  writeFileSync(path, JSON.stringify(config));
}

/** What runc itself does: where it can, nothing is shown here. */
async function assertRuncCannot({ id, pid, runc }: Rootless): Promise<void> {
  assert.notEqual((await runc('kill', '--all', id, 'KILL')).status, 0);
  assert.ok(existsSync(`/proc/${pid}`));
}

test('delete -f kills and removes a container that has a pid namespace', { skip }, async (t) => {
  const container = await start(t, { ownPids: true });
  const { id, pid, runc, termshim } = container;
  await assertRuncCannot(container);
  assert.deepEqual(await termshim('delete', '--force', id), { stdout: `${id}\n`, stderr: '', status: 0 });
  assert.equal(existsSync(`/proc/${pid}`), false);
  assert.match((await runc('state', id)).stderr, /container does not exist/);
});

test('kill --all ends a container with KILL, and fails with a signal that only the first process would get', {
  skip,
}, async (t) => {
  const container = await start(t, { ownPids: true });
  const { id, pid, termshim } = container;
  await assertRuncCannot(container);
  const refused = await termshim('kill', '--all', '--signal', 'USR1', id);
  assert.notEqual(refused.status, 0);
  assert.match(refused.stderr, /^termshim: .*\[ERR_RUNTIME_FAILED\]\n$/);
  assert.ok(existsSync(`/proc/${pid}`));
  assert.deepEqual(await termshim('kill', '--all', '--signal', 'KILL', id), { stdout: '', stderr: '', status: 0 });
  assert.equal((await termshim('wait', id)).stdout, '137\n');
});

test('delete -f fails and removes nothing if runc cannot kill a container with the pids of the host', {
  skip,
}, async (t) => {
  const container = await start(t, { ownPids: false });
  const { id, pid, termshim } = container;
  await assertRuncCannot(container);
  const refused = await termshim('delete', '--force', id);
  assert.deepEqual([refused.stdout, refused.status], ['', 1]);
  assert.match(refused.stderr, /^termshim: .*runc kill failed: .*\[ERR_RUNTIME_FAILED\]\n$/);
  assert.ok(existsSync(`/proc/${pid}`));
  assert.equal((await termshim('kill', '--signal', 'KILL', id)).status, 0);
  assert.equal((await termshim('wait', id)).stdout, '137\n');
  assert.deepEqual(await termshim('delete', id), { stdout: `${id}\n`, stderr: '', status: 0 });
});
