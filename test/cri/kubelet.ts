/** A containerd with its CRI plugin and two runtimes, `runc` and `termshim`, and what a test does in the place of kubelet. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Containerd, startContainerd } from '../helpers/containerd.js';
import { criNamespace } from '../helpers/containerd-traces.js';
import { importImage } from '../helpers/image.js';
import { shimPath } from '../helpers/shim.js';
import type { Stage } from '../helpers/stage.js';
import { findControlGroups } from '../helpers/traces.js';
import { waitFor } from '../helpers/wait-for.js';
import { type CriClient, openCri } from './client.js';

export type Handler = 'runc' | 'termshim';

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

/** Such as 1.006020 for 1.6.20. */
export const containerdVersion = ((): number => {
  const [, major, minor, patch] =
    / v?(\d+)\.(\d+)\.(\d+)/.exec(execFileSync('containerd', ['--version']).toString()) ?? [];
  return Number(major) + Number(minor) / 1e3 + Number(patch) / 1e6;
})();

/** Stopped after the test, with the pods that it has left. `env` is added to containerd's environment. */
export async function startKubelet(stage: Stage, env: NodeJS.ProcessEnv = {}): Promise<Kubelet> {
  const image = 'docker.io/library/busybox:latest';
  const path = `${dirname(shimPath)}:${stage.env['PATH']}`;
  const options = { namespace: criNamespace, configuration: configuration(stage, image) };
  writeNetwork(stage);
  const containerd = await startContainerd(stage, { ...stage.env, PATH: path, ...env }, options);
  const client = openCri(containerd.address);
  const logs = stage.path('pod-logs');
  mkdirSync(logs);
  const answers = async (): Promise<boolean> => {
    const found = await client.call('ImageStatus', { image: { image } }).catch(() => undefined);
    return typeof found?.image?.id === 'string';
  };
  const parents: string[] = [];
  stage.after(async () => {
    await removePods(client);
    client.close();
    // No runtime removes those of pods.
    spawnSync('rmdir', parents.flatMap(findControlGroups), { stdio: 'ignore' });
  });
  await importImage(stage, containerd, 'overlayfs', ['sleep', '1000000']);
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
      const cgroupParent = stage.newId();
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

/** containerd 2 migrates it. Before 1.6.21 and 1.7.1 a path was ignored, so there the name leads to the shim. */
function configuration(stage: Stage, image: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  const ours =
    containerdVersion < 1.006021
      ? 'runtime_type = "io.containerd.termshim.v2"'
      : `runtime_type = "io.containerd.runc.v2"\nruntime_path = "${shimPath}"`;
  return `
[${cri}]
  sandbox_image = "${image}"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  restrict_oom_score_adj = true
[${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${stage.path('cni')}"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.termshim]
${ours}
`;
}

/** A link to this host for a pod that wants a network of its own, with an address that leads nowhere. */
function writeNetwork(stage: Stage): void {
  const network = [10, 88, ...randomBytes(1)].join('.');
  const ipam = { type: 'host-local', subnet: `${network}.0/24`, dataDir: stage.path('cni-data') };
  const plugins = [{ type: 'ptp', ipam }];
  mkdirSync(stage.path('cni'));
  writeFileSync(stage.path('cni/pods.conflist'), JSON.stringify({ cniVersion: '0.4.0', name: 'pods', plugins }));
}

async function removePods({ call }: CriClient): Promise<void> {
  const { items } = await call('ListPodSandbox', {});
  for (const { id: podSandboxId } of items) {
    await call('StopPodSandbox', { podSandboxId });
    await call('RemovePodSandbox', { podSandboxId });
  }
}
