/** A terminal of the daemon of a user: a client of its session, beside FIFOs as containerd gives them. */
import { anywhere } from '../harness/placement.js';
import type { Bench } from '../harness/rounds.js';
import { measureAttach } from './attach.js';
import { measureCrowd } from '../consoles/crowd.js';
import { measureEcho } from '../consoles/echo.js';
import { measureFlood } from '../consoles/flood.js';
import type { Run, Section } from '../harness/section.js';
import { sessionPeer, type RunningSession } from './peer.js';
import { ways } from './ways.js';
import { onStage } from '../shims/row-stage.js';
import type { Stage } from '../../test/helpers/e2e/stage.js';

export function sessionSection(): Section {
  const row =
    (measure: (bench: Bench<RunningSession>, stage: Stage) => Promise<void>) =>
    (run: Run): Promise<void> =>
      onStage(run.report, (stage) => measure({ ...run, peers: ways.map((way) => sessionPeer(stage, way)) }, stage));
  return {
    limit: ways[0].name,
    peers: ways,
    rows: {
      'session:attach': row(measureAttach),
      'session:echo': row((bench) => measureEcho(bench, anywhere, '')),
      'session:flood': row((bench) => measureFlood(bench, anywhere, '')),
      'session:crowd': row(measureCrowd),
    },
  };
}
