/** Makes the test a subreaper: processes that a runtime leaves behind become its children, and it reaps them. */
import assert from 'node:assert/strict';
import { addon } from '../../src/native/addon.js';
import { check } from '../../src/errors/errors.js';
import { waitFor } from '../helpers/base/wait-for.js';

export function adoptOrphans(): void {
  check(addon.process_set_subreaper(true), 'prctl', 'become a subreaper');
}

/**
 * Waits for the end of an orphan. Answers its exit status, or 128 and the signal.
 *
 * Others that have ended are reaped too: crun leaves a process behind when an exec fails, and the init of a pid
 * namespace cannot end before every process in it was reaped.
 */
export async function reap(pid: number): Promise<number> {
  const answer = await waitFor(() => {
    const status = addon.process_reap(pid);
    if (status !== -eagain) return status;
    reapOrphans(pid);
    return undefined;
  }, `process ${pid} to end`);
  assert.ok(answer > 0, `cannot reap ${pid}: ${answer}`);
  return answer >> 8 === exited ? answer & 0xff : 128 + (answer & 0xff);
}

/** Reaps every child that has ended, until it meets `except`. Only for a moment in which Node itself waits for none. */
export function reapOrphans(except = 0): void {
  for (let pid = addon.process_peek(); pid > 0 && pid !== except; pid = addon.process_peek()) addon.process_reap(pid);
}

const eagain = 11;
/** CLD_EXITED */
const exited = 1;
