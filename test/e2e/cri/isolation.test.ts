/**
 * A pod asks for isolation from its kernel, with containerd-shim-runc-v2 and with termshim: a memory limit, one set of
 * pids for several containers, user namespaces and mounts that are read-only recursively. containerd 2 allows the last
 * two only if the shim lists them in its answer to `-info`; without that answer the pods would be refused. Older
 * versions of containerd ignore these fields, and the test states that too.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { assertSame } from '../../helpers/cri/compare.js';
import { type Handler, containerdVersion } from '../../helpers/cri/configuration.js';
import { type Kubelet, startKubelet } from '../../helpers/cri/kubelet.js';
import { type CriScript, openCriScript } from '../../helpers/cri/script.js';
import { missing } from '../../helpers/base/requirement.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import type { Transcript } from '../../helpers/shim/transcript.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc', 'containerd', 'cni');

test('memory limits, pids, user namespaces and mounts work in the same way with either shim', { skip }, async (t) => {
  const theirs = await play(t, 'runc');
  assertSame(theirs, await play(t, 'termshim'));
  assertSame(theirs, await play(t, 'termshim', { TERMSHIM_GROUP: 'pod' }));
});

async function play(t: TestContext, handler: Handler, env: NodeJS.ProcessEnv = {}): Promise<Transcript> {
  const testbed = openTestbed(t);
  // The users of a pod have to come as far as their root filesystem.
  chmodSync(testbed.directory, 0o711);
  const kubelet = await startKubelet(testbed, env);
  const script = openCriScript(testbed, kubelet, handler);
  await noteFeatures(kubelet, script, handler);
  await endsByMemory(script);
  await sharesPids(script);
  await mountsReadOnly(testbed, script);
  await hasOwnUsers(script);
  return script.transcript;
}

async function noteFeatures(kubelet: Kubelet, { note }: CriScript, handler: Handler): Promise<void> {
  const { runtimeHandlers } = await kubelet.call('Status', {});
  const features = runtimeHandlers.find(({ name }) => name === handler)?.features;
  note('features', JSON.stringify(features ?? 'none'));
  const both = { recursiveReadOnlyMounts: true, userNamespaces: true };
  assert.deepEqual(features, containerdVersion < 2 ? undefined : both);
}

async function endsByMemory({ ended, note, run, runPod, status }: CriScript): Promise<void> {
  const linux = { resources: { memoryLimitInBytes: 32 * 2 ** 20 } };
  const hungry = await run(await runPod(), 'hungry', 'exec dd if=/dev/zero of=/dev/null bs=200M', { linux });
  const { exitCode } = await ended('one that wants more memory', hungry);
  // The event of the kernel may come after that of the exit.
  await waitFor(async () => (await status(hungry)).reason === 'OOMKilled', 'the reason to be OOMKilled');
  note('one that wants more memory', `${exitCode} OOMKilled`);
}

async function sharesPids({ call, ended, exec, note, run, runPod }: CriScript): Promise<void> {
  const sharing = (options: object): object => ({
    linux: { securityContext: { namespaceOptions: { network: 'NODE', ...options } } },
  });
  const pod = await runPod({ pid: 'POD' });
  const one = await run(pod, 'one', 'sleep 7001 & sleep 7002', sharing({ pid: 'POD' }));
  const two = await run(pod, 'two', 'exec sleep 7003', sharing({ pid: 'POD' }));
  const seesAll = async (): Promise<boolean> =>
    /7001[^]*7002[^]*7003/.test(await exec('pids of one pod', two, listSleepers));
  await waitFor(seesAll, 'all processes of the pod');
  const guest = await run(pod, 'guest', 'exec sleep 7004', sharing({ pid: 'TARGET', targetId: one }));
  await exec('pids of a target', guest, listSleepers);
  await call('stop of one that shares its pids', 'StopContainer', { containerId: one, timeout: 0 });
  await ended('one that shares its pids', one);
  const isGone = async (): Promise<boolean> => !/700[12]/.test(await exec('the others afterwards', two, listSleepers));
  await waitFor(isGone, 'all its processes to have ended');
  const alone = await run(await runPod(), 'alone', 'exec sleep 7005');
  note('a pid of its own', await exec('pids of its own', alone, 'cat /proc/1/cmdline'));
}

const listSleepers = 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -o "sleep [17]0*[1-9]*" | sort -u';

async function mountsReadOnly(testbed: Testbed, { exec, run, runPod }: CriScript): Promise<void> {
  const source = testbed.path('source');
  mkdirSync(`${source}/below`, { recursive: true });
  spawnSync('mount', ['-t', 'tmpfs', 'none', `${source}/below`]);
  testbed.after(() => spawnSync('umount', [`${source}/below`]));
  const pod = await runPod();
  const tryIn = async (name: string, options: object): Promise<string> => {
    const mounts = [{ hostPath: source, containerPath: '/mnt', readonly: true, ...options }];
    const id = await run(pod, name, 'exec sleep 1000', { mounts });
    return exec(name, id, 'for at in /mnt /mnt/below; do (: >$at/file) 2>/dev/null && echo "$at"; done; exit 0');
  };
  assert.equal(await tryIn('a mount that is read-only', {}), '/mnt/below\n');
  const deep = await tryIn('a mount that is read-only to its depth', { recursiveReadOnly: true });
  assert.equal(deep, containerdVersion < 2 ? '/mnt/below\n' : '');
}

/** A network of its own, since that of this host is not its users'. */
async function hasOwnUsers({ exec, run, runPod }: CriScript): Promise<void> {
  const mapping = [{ hostId: 200_000, containerId: 0, length: 65_536 }];
  const usernsOptions = { mode: 'POD', uids: mapping, gids: mapping };
  const network = containerdVersion < 1.007 ? 'NODE' : 'POD';
  const namespaceOptions = { network, pid: 'CONTAINER', usernsOptions };
  const pod = await runPod({ network, usernsOptions });
  const id = await run(pod, 'mapped', 'exec sleep 1000', { linux: { securityContext: { namespaceOptions } } });
  const map = await exec(
    'users of its own',
    id,
    'cat /proc/self/uid_map; id -u; ls -ldn /bin /tmp | cut -c1-30; : >/tmp/file',
  );
  assert.match(map, containerdVersion < 1.007 ? /^ +0 +0 +4294967295\n/ : /^ +0 +200000 +65536\n/);
}
