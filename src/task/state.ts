/** The states of a container's process, init or exec. */
import { TermshimError } from '../errors/errors.js';

/**
 * The state of a process of a container. A process that `addExec` added is `created`; only an init is ever `paused`.
 */
export type ProcessState = 'created' | 'running' | 'paused' | 'stopped' | 'deleted';

/** For each state, the states that may follow. */
const transitions: Readonly<Record<ProcessState, readonly ProcessState[]>> = {
  created: ['running', 'stopped', 'deleted'],
  running: ['paused', 'stopped'],
  paused: ['running', 'stopped'],
  stopped: ['deleted'],
  deleted: [],
};

/** Throws ERR_STATE_INVALID if the process called `name` cannot go from `from` to `to`. */
export function assertTransition(name: string, from: ProcessState, to: ProcessState): void {
  if (!transitions[from].includes(to)) throw impossible(name, from, to);
}

/** An ERR_STATE_INVALID that names both states. */
export function impossible(name: string, from: ProcessState, to: ProcessState): TermshimError {
  return new TermshimError('ERR_STATE_INVALID', `${name} is ${from} and cannot become ${to}`);
}
