/**
 * The test takes a pod through its life over the CRI, step by step, with containerd-shim-runc-v2 and with termshim,
 * with one daemon for all pods and with one for each pod. kubelet must not see a difference in an answer, a refusal, a
 * status, a log or a number. The known differences are listed below with their reasons, and the test fails if one of
 * them no longer exists.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { assertSame, namesRuntime } from '../../helpers/cri/compare.js';
import { type Handler, containerdVersion, rootOfNamed } from '../../helpers/cri/configuration.js';
import { startKubelet } from '../../helpers/cri/kubelet.js';
import { byStream, openCriScript } from '../../helpers/cri/script.js';
import { missing } from '../../helpers/base/requirement.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import type { Transcript } from '../../helpers/shim/transcript.js';

const skip = missing('root', 'busybox', 'runc', 'containerd');

const differences = { 'exec of no program': namesRuntime };

test('a pod gets the same answers with either shim, and with a daemon for each pod', { skip }, async (t) => {
  const theirs = await play(t, 'runc');
  assertSame(theirs, await play(t, 'termshim'), differences);
  assertSame(theirs, await play(t, 'termshim', { TERMSHIM_GROUP: 'pod' }), differences);
});

if (containerdVersion >= 1.007) {
  test("a runtime with termshim's runtime type gets the options of the configuration", { skip }, async (t) => {
    const testbed = openTestbed(t);
    const { run, runPod, exec, transcript } = openCriScript(testbed, await startKubelet(testbed), 'named');
    const id = await run(await runPod(), 'named', 'exec sleep 1000');
    await exec('exec', id, 'echo works');
    assert.equal(transcript.get('exec')?.[0], 'works');
    assert.ok(existsSync(join(rootOfNamed(testbed), 'k8s.io', id)));
  });
}

async function play(t: TestContext, handler: Handler, env: NodeJS.ProcessEnv = {}): Promise<Transcript> {
  const testbed = openTestbed(t);
  const kubelet = await startKubelet(testbed, env);
  const script = openCriScript(testbed, kubelet, handler);
  const { call, create, ended, exec, log, note, run, runPod, transcript } = script;

  const pod = await runPod();
  const podSandboxId = pod.id;
  await call('a pod that runs', 'PodSandboxStatus', { podSandboxId });

  const talking = 'trap "echo bye; exit 3" TERM; echo out; echo err >&2; echo "$A"; printf half; sleep 1000 & wait';
  const first = await create(pod, 'first', talking, { envs: [{ key: 'A', value: 'a b' }], labels: { is: 'first' } });
  await call('a container before its start', 'ContainerStatus', { containerId: first });
  await call('exec before the start', 'ExecSync', { containerId: first, cmd: ['true'] });
  await call('start', 'StartContainer', { containerId: first });
  await call('a second start', 'StartContainer', { containerId: first });
  await call('a container that runs', 'ContainerStatus', { containerId: first });
  await call('the list', 'ListContainers', {});
  await log('a log', 'first', 'a b');

  await exec('exec', first, 'echo out; echo err >&2; exit 7');
  await exec('exec that a signal ends', first, 'kill -9 $$');
  await exec(
    'exec with much to say',
    first,
    'yes 0123456789 | head -c 300000 | sha256sum; yes 0123456789 | head -c 300000',
  );
  await exec('exec for longer than its time', first, 'exec sleep 1000', 1);
  await exec('processes', first, 'ps');
  await call('exec of no program', 'ExecSync', { containerId: first, cmd: ['nonesuch'], timeout: 10 });
  await exec('exec that leaves a process behind', first, '(sleep 0.5; echo late) & echo early');

  await call('stats', 'ContainerStats', { containerId: first });
  await call('stats of the pod', 'PodSandboxStats', { podSandboxId });

  const limits = { cpuQuota: 20_000, cpuPeriod: 100_000, cpuShares: 512, memoryLimitInBytes: 64 * 2 ** 20 };
  await call('update', 'UpdateContainerResources', { containerId: first, linux: limits });
  note('limits', limitsOf(pod.config.linux.cgroupParent, first));
  await call('a container with limits', 'ContainerStatus', { containerId: first });

  renameSync(join(kubelet.logs, 'first.log'), join(kubelet.logs, 'first.log.1'));
  await call('another log', 'ReopenContainerLog', { containerId: first });
  await call('stop', 'StopContainer', { containerId: first, timeout: 10 });
  await ended('a container that was stopped', first);
  await log('the end of a log', 'first', 'bye');
  note('the log before', byStream(readFileSync(join(kubelet.logs, 'first.log.1'), 'utf8')));
  await call('another log of a stopped one', 'ReopenContainerLog', { containerId: first });
  await call('exec in a stopped one', 'ExecSync', { containerId: first, cmd: ['true'] });
  await call('stats of a stopped one', 'ContainerStats', { containerId: first });
  await call('update of a stopped one', 'UpdateContainerResources', { containerId: first, linux: limits });
  await call('stop of a stopped one', 'StopContainer', { containerId: first, timeout: 10 });
  await call('remove', 'RemoveContainer', { containerId: first });
  await call('remove of none', 'RemoveContainer', { containerId: first });
  await call('status of none', 'ContainerStatus', { containerId: first });

  const stubborn = await run(pod, 'stubborn', 'trap "" TERM; echo ready; while :; do sleep 0.05; done');
  await log('a log before the stop', 'stubborn', 'ready');
  await call('stop of one that heeds no signal', 'StopContainer', { containerId: stubborn, timeout: 1 });
  await ended('one that heeds no signal', stubborn);
  await ended('one that ends by itself', await run(pod, 'short', 'yes 0123456789 | head -n 2000; exit 5'));
  await log('a log of two thousand lines', 'short', '\n');
  await ended('one that succeeds', await run(pod, 'well', 'head -c 20000 /dev/zero | tr "\\0" x; echo; exit 0'));
  await log('a log with a long line', 'well', ' F ');

  const lost = await create(pod, 'lost', '', { command: ['nonesuch'] });
  await call('start of no program', 'StartContainer', { containerId: lost });
  await call('one without a program', 'ContainerStatus', { containerId: lost });
  const nowhere = await create(pod, 'nowhere', 'exit', { workingDir: '/dev/null/x' });
  await call('start in no directory', 'StartContainer', { containerId: nowhere });

  const left = await run(pod, 'left', 'exec sleep 1000');
  await call('stop of the pod', 'StopPodSandbox', { podSandboxId });
  await ended('what ran in a pod that was stopped', left);
  await call('a pod that was stopped', 'PodSandboxStatus', { podSandboxId });
  await call('a container in a pod that was stopped', 'StartContainer', { containerId: lost });
  await call('removal of the pod', 'RemovePodSandbox', { podSandboxId });
  await call('a pod that is none', 'PodSandboxStatus', { podSandboxId });
  await call('no containers', 'ListContainers', {});
  return transcript;
}

/** What the control group of a container allows, as far as this version of control groups has the file. */
function limitsOf(parent: string, containerId: string): string {
  const files = ['memory/memory.limit_in_bytes', 'cpu/cpu.shares', 'cpu/cpu.cfs_quota_us', 'memory.max', 'cpu.max'];
  const found = files.map((file) => {
    const path = join('/sys/fs/cgroup', dirname(file), parent, containerId, basename(file));
    return existsSync(path) ? `${file} ${readFileSync(path, 'utf8')}` : '';
  });
  return found.join('');
}
