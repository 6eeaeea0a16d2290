import { failure, findContainer } from './container.js';
import { listMembers, signalMembers } from './members.js';
import { signalProcess } from '../../os/process/process-table.js';
import { parseSignal } from './signal.js';

/** Sends a signal to the first process of a container, or with `all` to each of its processes. */
export function kill(root: string, id: string, signal: string, all: boolean): void {
  const number = parseSignal(signal);
  const container = findContainer(root, id);
  const { init } = container.record;
  // As in runc, `all` also reaches processes that a stopped container has left, so a stopped container is no error.
  if (all && listMembers(container).length > 0) return signalMembers(container, number);
  if (!all && (init === undefined || !signalProcess(init, number))) throw failure('container not running');
}
