import { constants } from 'node:os';
import { failure, findContainer, statusOf } from './container.js';
import { listMembers, signalMembers } from './members.js';
import { signalProcess } from '../../os/process/process-table.js';

/** Stops every process of a container with SIGSTOP. */
export function pause(root: string, id: string): void {
  const container = findContainer(root, id);
  const status = statusOf(container);
  if (status !== 'running' && status !== 'created') throw failure(`cannot pause a container that is ${status}`);
  signalMembers(container, constants.signals.SIGSTOP);
}

/** Undoes {@link pause}. The youngest processes go first: a shell must not wake up while its children are stopped. */
export function resume(root: string, id: string): void {
  const container = findContainer(root, id);
  const status = statusOf(container);
  if (status !== 'paused') throw failure(`cannot resume a container that is ${status}`);
  for (const member of listMembers(container).toReversed()) signalProcess(member, constants.signals.SIGCONT);
}
