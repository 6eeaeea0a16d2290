/** An image whose single layer is the root filesystem of a testbed, in the format of `docker save`. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Containerd } from '../shim/containerd.js';
import type { Testbed } from '../e2e/testbed.js';

/** Answers with the name under which containerd knows it, unpacked for the snapshotter. It runs `command` by default. */
export async function importImage(
  testbed: Testbed,
  containerd: Containerd,
  snapshotter: string,
  command = ['sh'],
): Promise<string> {
  const name = 'docker.io/library/busybox:latest';
  const archive = writeImage(testbed, name, command);
  // Through the transfer API, which later versions use, it is unpacked for the snapshotters of the configuration.
  const local = (await containerd.ask('images', 'import', '--help')).includes('--local') ? ['--local'] : [];
  await containerd.ask('images', 'import', ...local, '--snapshotter', snapshotter, archive);
  return name;
}

function writeImage(testbed: Testbed, name: string, command: string[]): string {
  const directory = testbed.path('image');
  mkdirSync(directory);
  const layer = join(directory, 'layer.tar');
  execFileSync('tar', ['-C', testbed.rootfs, '-cf', layer, '.']);
  const digest = createHash('sha256').update(readFileSync(layer)).digest('hex');
  const platform = { architecture: { x64: 'amd64' }[process.arch as string] ?? process.arch, os: 'linux' };
  const config = {
    ...platform,
    config: { Env: ['PATH=/bin'], Cmd: command },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
  };
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }];
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify(manifest));
  const archive = testbed.path('image.tar');
  execFileSync('tar', ['-C', directory, '-cf', archive, '.']);
  return archive;
}
