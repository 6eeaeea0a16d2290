/** The real conmon with real runc, and its log in the format `k8s-file`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultSpec, writeBundle } from '../../src/runtime/spec/default-spec.js';
import { runToEnd } from '../../test/helpers/base/command.js';
import type { Stage } from '../../test/helpers/e2e/stage.js';
import { until } from '../harness/child.js';
import type { Peer } from '../harness/peer.js';
import type { Logger } from './logger.js';

export function conmonLogger(name: string, stage: Stage): Peer<Logger> {
  return {
    name,
    mostConsoles: 1,
    start: ({ prefix }) =>
      Promise.resolve({
        async open({ args }) {
          const id = stage.newId();
          const bundle = stage.path(id);
          await writeBundle(bundle, defaultSpec({ rootfs: stage.rootfs, args, terminal: false, rootless: false }));
          await runToEnd([...prefix, 'conmon', ...conmonArguments(id, bundle)], { env: stage.env });
          await until(() => existsSync(join(bundle, 'pid')), 'container of conmon');
          await runToEnd(['runc', 'start', id]);
          const conmon = Number(readFileSync(join(bundle, 'conmon'), 'utf8'));
          return {
            log: join(bundle, 'log'),
            pids: () => [conmon],
            async remove() {
              await runToEnd(['runc', 'delete', '--force', id]);
              await until(() => !existsSync(`/proc/${conmon}`), 'end of conmon');
            },
          };
        },
        close: () => Promise.resolve(),
      }),
  };
}

function conmonArguments(id: string, bundle: string): string[] {
  const named = {
    cid: id,
    cuuid: id,
    bundle,
    runtime: '/usr/sbin/runc',
    'container-pidfile': join(bundle, 'pid'),
    'conmon-pidfile': join(bundle, 'conmon'),
    'socket-dir-path': bundle,
    'log-path': `k8s-file:${join(bundle, 'log')}`,
  };
  return Object.entries(named).flatMap(([name, value]) => [`--${name}`, value]);
}
