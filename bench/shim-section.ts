/** Our shim beside containerd's own, both with real runc. The harness plays containerd, but where the row says otherwise. */
import { copyFileSync } from 'node:fs';
import { missing } from '../test/helpers/requirement.js';
import type { Stage } from '../test/helpers/stage.js';
import { anywhere, onOneCpu } from './placement.js';
import type { Bench } from './rounds.js';
import { measureEcho } from './rows/echo.js';
import { measureFlood } from './rows/flood.js';
import { measureCtr } from './rows/shim-ctr.js';
import { measureShimMemory } from './rows/shim-memory.js';
import { measureShimExec, measureShimStart } from './rows/shim-start.js';
import type { Run, Section } from './section.js';
import { onStage } from './shim/row-stage.js';
import { type RunningShim, shimPeer } from './shim/shim-peer.js';
import { listShims } from './shim/shims.js';

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
