/** Our shim beside containerd's own, both with real runc. The harness plays containerd, but where the row says otherwise. */
import { copyFileSync } from 'node:fs';
import { missing } from '../../test/helpers/base/requirement.js';
import type { Stage } from '../../test/helpers/e2e/stage.js';
import { anywhere, onOneCpu } from '../harness/placement.js';
import type { Bench } from '../harness/rounds.js';
import { measureEcho } from '../consoles/echo.js';
import { measureFlood } from '../consoles/flood.js';
import { measureCtr } from './ctr.js';
import { measureShimMemory } from './memory.js';
import { measureShimExec, measureShimStart } from './start.js';
import type { Run, Section } from '../harness/section.js';
import { onStage } from './row-stage.js';
import { type RunningShim, shimPeer } from './peer.js';
import { listShims } from './shims.js';

const inExec = ' of `exec -t`';
const oneCpu = ' of `exec -t`, one CPU';

export function shimSection(): Section {
  const shims = listShims();
  const row =
    (measure: (bench: Bench<RunningShim>) => Promise<void>, envFor?: (stage: Stage) => NodeJS.ProcessEnv) =>
    (run: Run): Promise<void> =>
      onStage(run.report, async (stage) => {
        const env = envFor?.(stage);
        await measure({ ...run, peers: shims.map((shim) => shimPeer(shim, stage, env)) });
      });
  return {
    limit: shims[0].name,
    peers: shims,
    obstacle: missing('root', 'busybox', 'runc', 'containerd') || undefined,
    rows: {
      'shim:start': row(measureShimStart),
      'shim:exec': row(measureShimExec),
      'shim:echo': row((bench) => measureEcho(bench, anywhere, inExec)),
      'shim:echo-one-cpu': row((bench) => onOneCpu((placement) => measureEcho(bench, placement, oneCpu))),
      'shim:flood': row((bench) => measureFlood(bench, anywhere, inExec)),
      'shim:flood-one-cpu': row((bench) => onOneCpu((placement) => measureFlood(bench, placement, oneCpu))),
      'shim:memory': row(measureShimMemory, nodeOfItsOwn),
      'shim:ctr': (run) => onStage(run.report, (stage) => measureCtr(run, stage)),
    },
  };
}

/** The harness is Node too. What a daemon shared with it would count only half, so it gets a copy. */
function nodeOfItsOwn(stage: Stage): NodeJS.ProcessEnv {
  const node = stage.path('node');
  copyFileSync(process.execPath, node);
  return { TERMSHIM_NODE: node };
}
