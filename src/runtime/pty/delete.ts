import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { parseId } from '../spec/container-id.js';
import { type Container, failure, findContainer, removeContainer, statusOf } from './container.js';
import { listMembers, signalMembers } from './members.js';
import { poll } from '../../async/poll.js';

/**
 * Removes a container that was not started or has stopped, and kills its remaining processes. With `force` it kills a
 * running one first, and a container that does not exist is no error.
 */
export async function deleteContainer(root: string, id: string, force: boolean): Promise<void> {
  const container = force ? findIfThere(root, id) : findContainer(root, id);
  if (container !== undefined) {
    const status = statusOf(container);
    const isFree = status === 'stopped' || status === 'created';
    if (!force && !isFree) throw failure(`cannot delete container ${id} that is not stopped: ${status}`);
    await killAll(container);
  }
  removeContainer(root, id);
}

/** A `create` that was killed at its beginning leaves a directory without a record. */
function findIfThere(root: string, id: string): Container | undefined {
  return existsSync(join(root, parseId(id), 'state.json')) ? findContainer(root, id) : undefined;
}

async function killAll(container: Container): Promise<void> {
  const areGone = (): true | undefined => {
    signalMembers(container, constants.signals.SIGKILL);
    return listMembers(container).length === 0 ? true : undefined;
  };
  const isDone = await poll(areGone, 10_000);
  if (isDone === undefined) throw failure(`cannot kill all processes of container ${container.record.id}`);
}
