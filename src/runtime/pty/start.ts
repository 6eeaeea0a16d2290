import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, fileError } from '../../errors/file-error.js';
import { failure, findContainer, startFifo, statusOf } from './container.js';
import { findLive, type ProcessIdentity } from '../../os/process/process-table.js';
import { poll } from '../../async/poll.js';

/** Lets the first process of a created container run. */
export async function start(root: string, id: string): Promise<void> {
  const container = findContainer(root, id);
  const status = statusOf(container);
  if (status === 'stopped') throw failure('cannot start a container that has stopped');
  if (status === 'running') throw failure('cannot start an already running container');
  const { init } = container.record;
  if (status !== 'created' || init === undefined) throw failure(`cannot start a container in the ${status} state`);
  await release(join(container.directory, startFifo), init);
}

/**
 * Opens the FIFO that a stub waits on, and removes it. While the FIFO has no reader, the open fails with ENXIO: the
 * stub has not opened it yet, or has ended.
 */
export async function release(fifo: string, stub: ProcessIdentity): Promise<void> {
  const attempt = (): 'open' | 'dead' | undefined => {
    try {
      closeSync(openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK));
      return 'open';
    } catch (error) {
      if (errnoOf(error) !== 'ENXIO') throw fileError(error, `open ${fifo}`);
      return findLive(stub) === undefined ? 'dead' : undefined;
    }
  };
  const outcome = await poll(attempt, 10_000);
  if (outcome === undefined) throw failure(`the process ${stub.pid} was not ready to start within 10 s`);
  if (outcome === 'dead') throw failure(`the process ${stub.pid} ended before it was started`);
  rmSync(fifo, { force: true });
}

/**
 * Starts a helper that opens the FIFO when this program has ended. If the process ended earlier, node-pty in this
 * program would reap it, and the subreaper that waits for it would never get its exit status.
 */
export async function releaseAfterUs(fifo: string, { pid }: ProcessIdentity): Promise<void> {
  const helper = spawn('/bin/sh', ['-c', releaser, fifo, String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // The helper's stdin ends when this program exits.
  await once(helper, 'spawn');
  helper.unref();
}

/** The open blocks until the stub opens the FIFO, and must not outlive the stub. */
const releaser = `
read -r _
: > "$0" & open=$!
while kill -0 $open && kill -0 "$1"; do sleep 0.02; done
kill $open
rm -f "$0"`;
