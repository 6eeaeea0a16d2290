/** A Docker daemon for one test, with its own containerd, that finds termshim's shim under the usual name. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { type CommandOptions, type CommandResult, runToEnd } from '../base/command.js';
import { environmentWithShim } from './shims.js';
import type { Testbed } from '../e2e/testbed.js';
import { findControlGroups } from '../e2e/leftovers.js';
import { waitFor, within } from '../base/wait-for.js';

export interface Docker {
  /** The name of an image with the root filesystem of the testbed. */
  readonly image: string;
  /** The command line of docker, for a human or a child process. */
  command(...args: string[]): string[];
  docker(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** docker must succeed; answers with its stdout, without the line end. */
  ask(...args: string[]): Promise<string>;
  /** What the daemon, its containerd and the shims logged. */
  log(): string;
}

/** Stopped after the test, which removes its containers: one that is left then is a failure, and is removed. */
export async function startDocker(testbed: Testbed, shim: string): Promise<Docker> {
  const [socket, log] = [testbed.path('docker.sock'), testbed.path('docker.log')];
  const group = testbed.newId();
  const command = (...args: string[]): string[] => ['docker', '--host', `unix://${socket}`, ...args];
  const env = { ...testbed.env, DOCKER_CONFIG: testbed.path('docker-client') };
  const docker: Docker['docker'] = (args, options = {}) => runToEnd(command(...args), { env, ...options });
  const ask: Docker['ask'] = async (...args) => {
    const { stdout, stderr, status } = await docker(args);
    assert.equal(status, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  };
  const output = openSync(log, 'a');
  const daemon = spawn('dockerd', daemonArguments(testbed, socket, group), {
    env: environmentWithShim(testbed, shim),
    stdio: ['ignore', output, output],
  });
  const ended = once(daemon, 'exit');
  const left: string[] = [];
  testbed.lookFor({ find: () => left, remove: () => {} });
  testbed.after(async () => {
    left.push(...(await removeAll(ask).catch((error: Error) => [error.message])));
    daemon.kill('SIGTERM');
    await within(ended, 'the end of dockerd', 20_000).catch(() => daemon.kill('SIGKILL'));
    const groups = findControlGroups(group);
    if (groups.length > 0) spawnSync('rmdir', groups);
  });
  await waitFor(
    async () => existsSync(socket) && (await docker(['version'])).status === 0,
    'dockerd to answer',
    20_000,
  );
  const tar = spawnSync('tar', ['-C', testbed.rootfs, '-c', '.'], { maxBuffer: 2 ** 26 }).stdout;
  const image = 'box';
  const { status, stderr } = await docker(['import', '--change', 'ENV PATH=/bin', '-', image], { input: tar });
  assert.equal(status, 0, stderr);
  return { image, command, docker, ask, log: () => readFileSync(log, 'utf8') };
}

/** Everything below the testbed's directory, nothing of the network touched. */
function daemonArguments(testbed: Testbed, socket: string, group: string): string[] {
  const config = testbed.path('docker.json');
  writeFileSync(config, JSON.stringify({ 'deprecated-key-path': testbed.path('docker-key.json') }));
  const places = {
    host: `unix://${socket}`,
    'data-root': testbed.path('docker-data'),
    'exec-root': testbed.path('docker'),
  };
  const names = { 'config-file': config, pidfile: testbed.path('docker.pid'), 'cgroup-parent': `/${group}` };
  const words = { ...places, ...names, 'storage-driver': 'vfs', bridge: 'none', iptables: 'false', ip6tables: 'false' };
  return Object.entries(words).map(([name, value]) => `--${name}=${value}`);
}

/** Removes the containers that are there, and says which. */
async function removeAll(ask: Docker['ask']): Promise<string[]> {
  const ids = (await ask('ps', '--all', '--quiet')).match(/\S+/g) ?? [];
  if (ids.length > 0) await ask('rm', '--force', ...ids);
  return ids.map((id) => `container ${id} of docker`);
}
