/**
 * The configuration of a containerd with its CRI plugin, a network for pods, and the runtimes that the tests compare.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../src/package.js';
import type { ContainerdOptions } from '../shim/containerd.js';
import { shimPath } from '../shim/shim.js';
import type { Testbed } from '../e2e/testbed.js';

/** `named` is a runtime type of our name, with options; containerd has them from 1.7 on. */
export type Handler = 'runc' | 'termshim' | 'named';

/** Such as 1.006020 for 1.6.20. */
export const containerdVersion = ((): number => {
  const [, major, minor, patch] =
    / v?(\d+)\.(\d+)\.(\d+)/.exec(execFileSync('containerd', ['--version']).toString()) ?? [];
  return Number(major) + Number(minor) / 1e3 + Number(patch) / 1e6;
})();

/** `image` is that of a pod's pause. */
export function configurationOf(
  testbed: Testbed,
  image: string,
): Required<Pick<ContainerdOptions, 'configuration' | 'version'>> {
  writeNetwork(testbed);
  const isOld = containerdVersion < 2;
  const runtime = isOld ? 'plugins."io.containerd.grpc.v1.cri"' : "plugins.'io.containerd.cri.v1.runtime'";
  const pause = isOld
    ? `sandbox_image = "${image}"`
    : `[plugins.'io.containerd.cri.v1.images'.pinned_images]\nsandbox = "${image}"`;
  const configuration = `
[plugins."io.containerd.grpc.v1.cri"]
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
${pause}
${isOld ? '' : `[${runtime}]`}
  restrict_oom_score_adj = true
[${runtime}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${testbed.path('cni')}"
[${runtime}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
${isPathIgnored ? byName(runtime, 'termshim') : ofDocs(isOld ? 1 : 2)}
${byName(runtime, 'named')}
  [${runtime}.containerd.runtimes.named.options]
    BinaryName = "runc"
    Root = "${rootOfNamed(testbed)}"
`;
  return { configuration, version: isOld ? 2 : 3 };
}

/** containerd 1.6.20 runs its own shim, whatever the path is. */
const isPathIgnored = containerdVersion < 1.006021;

/** Where the runtime of `named` has its containers. */
export function rootOfNamed(testbed: Testbed): string {
  return testbed.path('runc-of-named');
}

function byName(runtime: string, handler: Handler): string {
  return `[${runtime}.containerd.runtimes.${handler}]\n  runtime_type = "io.containerd.termshim.v2"`;
}

/** What docs/shim.md tells people to write for a major version, with our place of the shim; this host may have no systemd. */
function ofDocs(major: 1 | 2): string {
  const docs = readFileSync(join(packageRoot, 'docs/shim.md'), 'utf8');
  const blocks = docs.split('```toml\n').map((text) => text.split('```')[0] ?? '');
  const block = blocks.find((text) => text.startsWith(`# containerd ${major}`)) ?? '';
  assert.match(block, /runtime_path[^]*SystemdCgroup/);
  return block
    .replace(/^version = \d$/m, '')
    .replace('/usr/local/bin/containerd-shim-termshim-v2', shimPath)
    .replace('SystemdCgroup = true', 'SystemdCgroup = false');
}

/** A link to this host for a pod that wants a network of its own, with an address that leads nowhere. */
function writeNetwork(testbed: Testbed): void {
  const network = [10, 88, ...randomBytes(1)].join('.');
  const ipam = { type: 'host-local', subnet: `${network}.0/24`, dataDir: testbed.path('cni-data') };
  const plugins = [{ type: 'ptp', ipam }];
  mkdirSync(testbed.path('cni'));
  writeFileSync(testbed.path('cni/pods.conflist'), JSON.stringify({ cniVersion: '0.4.0', name: 'pods', plugins }));
}
