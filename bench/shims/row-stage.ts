/** A place for one row, as the end-to-end tests have it: its own marks, and a proof that nothing of the row stays. */
import { messageOf } from '../../src/errors/errors.js';
import { type Stage, openStage } from '../../test/helpers/e2e/stage.js';
import type { Report } from '../harness/report.js';

/** What the proof finds is noted. If the harness ends while the row plays, all that is there goes with it. */
export async function onStage(report: Report, play: (stage: Stage) => Promise<void>): Promise<void> {
  const undos: (() => unknown)[] = [];
  const stage = openStage({ after: (undo) => void undos.push(undo) });
  const sweep = (): void => stage.sweep();
  process.once('exit', sweep);
  try {
    await play(stage);
  } finally {
    for (const undo of undos.toReversed()) {
      await Promise.resolve(undo()).catch((error: unknown) => report.note(messageOf(error)));
    }
    process.off('exit', sweep);
  }
}
