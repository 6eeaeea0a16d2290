/**
 * The test kills containerd in the middle of a pod's life, and then a shim, with containerd-shim-runc-v2 for
 * comparison. What could break: a container is lost or ends with containerd, its log stops, an exit that happened
 * meanwhile is never reported, a pod whose shim has died seems to run, or the pod can neither be removed nor replaced.
 * A daemon for each pod must harm no other pod.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { assertSame } from '../../helpers/cri/compare.js';
import type { Handler } from '../../helpers/cri/configuration.js';
import { startKubelet } from '../../helpers/cri/kubelet.js';
import { openCriScript } from '../../helpers/cri/script.js';
import type { Containerd } from '../../helpers/shim/containerd.js';
import { findSockets } from '../../helpers/shim/containerd-leftovers.js';
import { missing } from '../../helpers/base/requirement.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import type { Transcript } from '../../helpers/shim/transcript.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc', 'containerd');

test('a pod survives a kill of containerd, and is reported as ended when its shim is killed', { skip }, async (t) => {
  const theirs = await play(t, 'runc');
  // One daemon has the containers of all pods: docs/shim.md, "One daemon, or many".
  assertSame(theirs, await play(t, 'termshim'), { 'another pod': () => 'CONTAINER_EXITED' });
  assertSame(theirs, await play(t, 'termshim', { TERMSHIM_GROUP: 'pod' }));
});

const talking = 'echo ready; trap "echo bye; exit 4" TERM; while read line; do echo "got $line"; done';

async function play(t: TestContext, handler: Handler, env: NodeJS.ProcessEnv = {}): Promise<Transcript> {
  const testbed = openTestbed(t);
  const kubelet = await startKubelet(testbed, env);
  const script = openCriScript(testbed, kubelet, handler);
  const { call, ended, exec, log, note, open, run, runPod, transcript } = script;
  const pod = await runPod();

  const talker = await run(pod, 'talker', talking, { tty: true, stdin: true });
  const leaver = await run(pod, 'leaver', 'read line; exit 6', { tty: true, stdin: true });
  const stubborn = await run(pod, 'stubborn', 'exec sleep 1000');
  await log('before', 'talker', 'ready');
  const pid = await pidOf(kubelet.containerd, leaver);
  await kubelet.restart(async () => {
    process.kill(pid, 'SIGKILL');
    await waitFor(() => !isThere(pid), 'the end of a container while containerd is away');
  });
  await call('the pod after a restart', 'PodSandboxStatus', { podSandboxId: pod.id });
  await call('a container after a restart', 'ContainerStatus', { containerId: talker });
  await ended('a container that ended meanwhile', leaver);
  await exec('exec after a restart', talker, 'echo hello; exit 2');
  const attached = await open(talker, { tty: true });
  attached.type('again\n');
  note('attach after a restart', await attached.expect('got again\r\n'));
  await log('the log after a restart', 'talker', 'got again');
  await call('stop after a restart', 'StopContainer', { containerId: talker, timeout: 10 });
  await ended('the end after a restart', talker);

  const other = await runPod();
  const bystander = await run(other, 'bystander', 'exec sleep 1000');
  const shim = parentOf(await pidOf(kubelet.containerd, stubborn));
  process.kill(shim, 'SIGKILL');
  await ended('a container whose shim was killed', stubborn);
  const isNotReady = async (): Promise<boolean> => {
    const { status } = await kubelet.call('PodSandboxStatus', { podSandboxId: pod.id });
    return status.state === 'SANDBOX_NOTREADY';
  };
  await waitFor(isNotReady, 'the pod not to be ready');
  await call('exec in it', 'ExecSync', { containerId: stubborn, cmd: ['true'], timeout: 10 });
  const isTogether = handler === 'termshim' && env['TERMSHIM_GROUP'] === undefined;
  const { state } = await (isTogether ? ended('another pod', bystander) : script.status(bystander));
  note('another pod', state);
  // containerd calls the `delete` of each in its own time.
  const bundles = [pod.id, stubborn, ...(isTogether ? [other.id, bystander] : [])].map(kubelet.containerd.bundleOf);
  await waitFor(() => !bundles.some((path) => existsSync(path)), 'the bundles of those that ended to go', 30_000);
  // Nobody removes the socket of containerd-shim-runc-v2 if it was killed.
  if (handler === 'runc')
    for (const path of findSockets({ ...kubelet.containerd, testbed: { ids: [pod.id] } })) rmSync(path);
  await call('stop of the pod', 'StopPodSandbox', { podSandboxId: pod.id });
  await call('removal of the pod', 'RemovePodSandbox', { podSandboxId: pod.id });
  const next = await run(await runPod(), 'next', 'exec sleep 1000');
  await exec('exec in the next pod', next, 'echo works');
  return transcript;
}

async function pidOf(containerd: Containerd, id: string): Promise<number> {
  const line = (await containerd.ask('tasks', 'ls')).split('\n').find((it) => it.startsWith(id));
  return Number(line?.split(/\s+/)[1]);
}

/** Whoever waits for the processes of a container is its shim. */
function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function isThere(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
