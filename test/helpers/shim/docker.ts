/** A Docker daemon of the test's own, with a containerd of its own, that finds our shim under the usual name. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { type CommandOptions, type CommandResult, runToEnd } from '../base/command.js';
import { whereShimIs } from './shims.js';
import type { Stage } from '../e2e/stage.js';
import { findControlGroups } from '../e2e/traces.js';
import { waitFor, within } from '../base/wait-for.js';

export interface Docker {
  /** The name of an image with the root filesystem of the stage. */
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
export async function startDocker(stage: Stage, shim: string): Promise<Docker> {
  const [socket, log] = [stage.path('docker.sock'), stage.path('docker.log')];
  const group = stage.newId();
  const command = (...args: string[]): string[] => ['docker', '--host', `unix://${socket}`, ...args];
  const env = { ...stage.env, DOCKER_CONFIG: stage.path('docker-client') };
  const docker: Docker['docker'] = (args, options = {}) => runToEnd(command(...args), { env, ...options });
  const ask: Docker['ask'] = async (...args) => {
    const { stdout, stderr, status } = await docker(args);
    assert.equal(status, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  };
  const output = openSync(log, 'a');
  const daemon = spawn('dockerd', daemonArguments(stage, socket, group), {
    env: whereShimIs(stage, shim),
    stdio: ['ignore', output, output],
  });
  const ended = once(daemon, 'exit');
  const left: string[] = [];
  stage.lookFor({ find: () => left, remove: () => {} });
  stage.after(async () => {
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
  const tar = spawnSync('tar', ['-C', stage.rootfs, '-c', '.'], { maxBuffer: 2 ** 26 }).stdout;
  const image = 'box';
  const { status, stderr } = await docker(['import', '--change', 'ENV PATH=/bin', '-', image], { input: tar });
  assert.equal(status, 0, stderr);
  return { image, command, docker, ask, log: () => readFileSync(log, 'utf8') };
}

/** Everything below the stage's directory, nothing of the network touched. */
function daemonArguments(stage: Stage, socket: string, group: string): string[] {
  const config = stage.path('docker.json');
  writeFileSync(config, JSON.stringify({ 'deprecated-key-path': stage.path('docker-key.json') }));
  const places = {
    host: `unix://${socket}`,
    'data-root': stage.path('docker-data'),
    'exec-root': stage.path('docker'),
  };
  const names = { 'config-file': config, pidfile: stage.path('docker.pid'), 'cgroup-parent': `/${group}` };
  const words = { ...places, ...names, 'storage-driver': 'vfs', bridge: 'none', iptables: 'false', ip6tables: 'false' };
  return Object.entries(words).map(([name, value]) => `--${name}=${value}`);
}

/** Removes the containers that are there, and says which. */
async function removeAll(ask: Docker['ask']): Promise<string[]> {
  const ids = (await ask('ps', '--all', '--quiet')).match(/\S+/g) ?? [];
  if (ids.length > 0) await ask('rm', '--force', ...ids);
  return ids.map((id) => `container ${id} of docker`);
}
