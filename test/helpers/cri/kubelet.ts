/** A containerd with its CRI plugin and two runtimes, `runc` and `termshim`, and the requests that kubelet makes. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Containerd, startContainerd } from '../shim/containerd.js';
import { criNamespace } from '../shim/containerd-leftovers.js';
import { importImage } from '../runtime/image.js';
import { shimPath } from '../shim/shim.js';
import type { Testbed } from '../e2e/testbed.js';
import { findControlGroups } from '../e2e/leftovers.js';
import { waitFor } from '../base/wait-for.js';
import { type CriClient, openCri } from './client.js';
import { configurationOf } from './configuration.js';

export interface Kubelet extends CriClient {
  readonly containerd: Containerd;
  readonly image: string;
  /** Where the containers' logs are. */
  readonly logs: string;
  /** kill -9 of containerd, and another that answers. */
  restart(whileAway?: () => Promise<void>): Promise<void>;
  /** The config of a new pod, which has this host's network if `namespaces` does not say otherwise. */
  newPod(namespaces?: object): PodConfig;
}

export interface PodConfig {
  metadata: object;
  logDirectory: string;
  linux: { cgroupParent: string; securityContext: object };
}

/** Stopped after the test, with the pods that it has left. `env` is added to containerd's environment. */
export async function startKubelet(testbed: Testbed, env: NodeJS.ProcessEnv = {}): Promise<Kubelet> {
  const image = 'docker.io/library/busybox:latest';
  const path = `${dirname(shimPath)}:${testbed.env['PATH']}`;
  const options = { namespace: criNamespace, ...configurationOf(testbed, image) };
  const containerd = await startContainerd(testbed, { ...testbed.env, PATH: path, ...env }, options);
  const client = openCri(containerd.address);
  const logs = testbed.path('pod-logs');
  mkdirSync(logs);
  const answers = async (): Promise<boolean> => {
    const found = await client.call('ImageStatus', { image: { image } }).catch(() => undefined);
    return typeof found?.image?.id === 'string';
  };
  const parents: string[] = [];
  testbed.after(async () => {
    await removePods(client);
    client.close();
    // No runtime removes those of pods.
    spawnSync('rmdir', parents.flatMap(findControlGroups), { stdio: 'ignore' });
  });
  await importImage(testbed, containerd, 'overlayfs', ['sleep', '1000000']);
  await waitFor(answers, 'the CRI plugin to know the image');
  return {
    ...client,
    containerd,
    image,
    logs,
    async restart(whileAway) {
      await containerd.kill();
      await whileAway?.();
      await containerd.start();
      await waitFor(answers, 'the CRI plugin to answer again');
    },
    newPod(namespaces = {}) {
      const cgroupParent = testbed.newId();
      const name = `pod${parents.push(cgroupParent)}`;
      const namespaceOptions = { network: 'NODE', pid: 'CONTAINER', ...namespaces };
      return {
        metadata: { name, uid: `${name}-uid`, namespace: 'test', attempt: 1 },
        logDirectory: logs,
        linux: { cgroupParent: `/${cgroupParent}`, securityContext: { namespaceOptions } },
      };
    },
  };
}

async function removePods({ call }: CriClient): Promise<void> {
  const { items } = await call('ListPodSandbox', {});
  for (const { id: podSandboxId } of items) {
    await call('StopPodSandbox', { podSandboxId });
    await call('RemovePodSandbox', { podSandboxId });
  }
}
