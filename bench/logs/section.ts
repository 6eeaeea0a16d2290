/** Logs of containers without a terminal: in our daemon, by our driver, and conmon's. All containers are runc's. */
import { spawnSync } from 'node:child_process';
import { missing } from '../../test/helpers/base/requirement.js';
import type { Stage } from '../../test/helpers/e2e/stage.js';
import { conmonLogger } from './conmon-logger.js';
import type { Logger } from './logger.js';
import { shimLogger } from './shim-logger.js';
import type { Peer } from '../harness/peer.js';
import { measureLogFlood } from './flood.js';
import type { Section } from '../harness/section.js';
import { onStage } from '../shims/row-stage.js';

export function logSection(): Section {
  const { stdout } = spawnSync('conmon', ['--version'], { encoding: 'utf8' });
  const conmon = `conmon ${/\d+\.\d+\.\d+/.exec(stdout ?? '')?.[0] ?? ''} k8s-file`;
  const driver = new URL('../../../bin/termshim-log-driver', import.meta.url).pathname;
  const loggers = {
    'json-file in the daemon': (log: string) => `json-file://${log}`,
    'cri in the daemon': (log: string) => `cri://${log}`,
    'termshim-log-driver': (log: string) => `binary://${driver}?log-path=${log}`,
  };
  const peersOn = (stage: Stage): Peer<Logger>[] => [
    conmonLogger(conmon, stage),
    ...Object.entries(loggers).map(([name, uriOf]) => shimLogger(name, stage, uriOf)),
  ];
  return {
    limit: conmon,
    peers: [conmon, ...Object.keys(loggers)].map((name) => ({ name })),
    obstacle: missing('root', 'busybox', 'runc', 'conmon') || undefined,
    rows: {
      'log:flood': (run) => onStage(run.report, (stage) => measureLogFlood({ ...run, peers: peersOn(stage) }, stage)),
    },
  };
}
