/** containerd's part, played by the harness: what a shim needs of it, and how it starts one. */
import { constants } from 'node:fs';
import { join } from 'node:path';
import { placeOf } from '../../src/client/external-shim/program.js';
import { addon } from '../../src/native/addon.js';
import { check } from '../../src/errors/errors.js';
import { createFifo } from '../../src/os/fifo.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { defaultSpec, writeBundle } from '../../src/runtime/spec/default-spec.js';
import { EventsDefinition } from '../../src/ttrpc/gen/containerd/event-service.js';
import { serveTtrpc } from '../../src/ttrpc/server.js';
import { service } from '../../src/ttrpc/service.js';
import { runToEnd } from '../../test/helpers/base/command.js';
import { containerdTraces } from '../../test/helpers/shim/containerd-traces.js';
import type { Stage } from '../../test/helpers/e2e/stage.js';
import type { Placement } from '../harness/peer.js';

export interface ContainerdPart {
  readonly stage: Stage;
  readonly namespace: string;
  /** Makes a container's bundle, with somebody who reads its log, as containerd does until the container is gone. */
  makeBundle(id: string, args: readonly string[], terminal?: boolean): Promise<string>;
  /** Executes the shim's `start` in the bundle, in the words of containerd 1.6. Answers where it listens, by ttrpc. */
  callStart(shim: string, id: string, bundle: string): Promise<{ socket: string; service: string }>;
  /** The same, with a namespace of which no shim knows yet. */
  anew(): ContainerdPart;
}

export interface PartOptions {
  placement: Placement;
  /** More for the environment of the shims. */
  env?: NodeJS.ProcessEnv;
}

/** It hears the shims' events until the stage ends. */
export function playContainerd(stage: Stage, options: PartOptions): ContainerdPart {
  const address = stage.path(`${stage.newId()}.sock`);
  const listener = new OwnedFd(check(addon.socket_listen(`${address}.ttrpc`, 0o600), 'bind', 'listen'), 'events');
  const server = serveTtrpc(listener, [service(EventsDefinition, { forward: () => ({}) })]);
  stage.after(() => server.destroy());
  const ours = { TERMSHIM_GROUP: undefined, TERMSHIM_NODE: process.execPath };
  const env = { ...stage.env, ...ours, ...options.env, TTRPC_ADDRESS: `${address}.ttrpc`, GOMAXPROCS: '2' };
  return inNamespace(stage, address, { ...options, env });
}

function inNamespace(stage: Stage, address: string, options: PartOptions): ContainerdPart {
  const { placement, env } = options;
  const namespace = stage.newId();
  stage.lookFor(containerdTraces({ stage, namespace, address, state: stage.directory, left: [] }));
  return {
    stage,
    namespace,
    async makeBundle(id, args, terminal = true) {
      const bundle = stage.path(id);
      await writeBundle(bundle, defaultSpec({ rootfs: stage.rootfs, args, terminal, rootless: false }));
      const log = join(bundle, 'log');
      createFifo(log);
      const reader = OwnedFd.open(log, constants.O_RDWR | constants.O_NONBLOCK, log);
      stage.after(() => reader.close());
      return bundle;
    },
    async callStart(shim, id, bundle) {
      const flags = ['-namespace', namespace, '-address', address, '-publish-binary', '/bin/false', '-id', id];
      const { stdout, stderr } = await runToEnd([...placement.prefix, shim, ...flags, 'start'], { cwd: bundle, env });
      if (stderr !== '') throw new Error(`${shim} start: ${stderr}`);
      return placeOf(Buffer.from(stdout), shim);
    },
    anew: () => inNamespace(stage, address, options),
  };
}
