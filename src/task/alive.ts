/** Refuses what a container cannot do once its init has ended. */
import { settleWithin } from '../async/settle-within.js';
import { TermshimError } from '../errors/errors.js';
import type { TaskProcess } from './process.js';

export interface LivingContainer {
  readonly id: string;
  readonly init: TaskProcess;
}

/** How much later than the runtime this program may learn that a container has ended. */
export const newsMs = 50;

/**
 * Fails with ERR_STATE_INVALID if the container has ended: the runtime refuses a command then, with an error of its
 * own, and maybe before the end is known here.
 */
export async function whileAlive<T>(container: LivingContainer, command: Promise<T>, what: string): Promise<T> {
  try {
    return await command;
  } catch (error) {
    await settleWithin(container.init.reaped, newsMs);
    assertAlive(container, what);
    throw error;
  }
}

/** Throws ERR_STATE_INVALID if the init has ended. */
export function assertAlive(container: LivingContainer, what: string): void {
  const { state } = container.init;
  if (state === 'stopped' || state === 'deleted') throw stateError(container, what);
}

export function stateError({ id, init }: LivingContainer, what: string): TermshimError {
  return new TermshimError('ERR_STATE_INVALID', `the container ${id} is ${init.state} and cannot ${what}`);
}
