/** A terminal of the daemon of a user: a client of its session, beside FIFOs as containerd gives them. */
import { anywhere } from './placement.js';
import type { Bench } from './rounds.js';
import { measureAttach } from './rows/attach.js';
import { measureCrowd } from './rows/crowd.js';
import { measureEcho } from './rows/echo.js';
import { measureFlood } from './rows/flood.js';
import type { Run, Section } from './section.js';
import { sessionPeer, type RunningSession } from './session/session-peer.js';
import { ways } from './session/ways.js';
import { onStage } from './shim/row-stage.js';
import type { Stage } from '../test/helpers/stage.js';

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
