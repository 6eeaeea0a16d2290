/**
 * `termshim delete`: removes containers that have ended. With `-f`, kills them first.
 */
import { constants } from 'node:os';
import { Command } from 'commander';
import { Status } from '../../../ttrpc/gen/containerd/task-status.js';
import { Code, RpcError } from '../../../ttrpc/status.js';
import { connect, resolveIds } from '../../connect.js';
import { exitWithError } from '../../output/exit.js';
import { execOption } from '../../options/options.js';
import { print } from '../../output/print.js';
import { type ShimOption, shimOption } from '../../options/shim-option.js';
import { type DaemonConnection, type ProcessIds } from '../../../client/connection.js';

interface DeleteOptions extends ShimOption {
  force?: boolean;
  exec?: string;
}

export function command(): Command {
  return new Command()
    .argument('<id...>', 'containers, or the beginnings of their ids')
    .option('-f, --force', 'kill the processes first if they are running')
    .addOption(execOption('remove only the process with this exec id'))
    .addOption(shimOption())
    .addHelpText('after', example)
    .action(deleteAll);
}

const example = `
Prints the id of each removed container. If a container cannot be removed, the
others are removed nevertheless, and the exit status is 1.

Examples:
  $ termshim delete web
  $ termshim delete -f web db
`;

async function deleteAll(ids: string[], { force = false, exec, shim }: DeleteOptions): Promise<void> {
  using daemon = await connect({ shim });
  for (const id of ids) {
    try {
      const found = await resolveIds(daemon, id, exec);
      if (force) await end(daemon, found);
      await remove(daemon, found, force);
      await print(`${found.execId || found.id}\n`);
    } catch (error) {
      exitWithError(error);
    }
  }
}

/** The kernel kills at once, but a process in an uninterruptible sleep does not die before it wakes. */
const endTimeoutMs = 10_000;

/** Does nothing if the process has not started or has already ended. */
async function end({ task }: DaemonConnection, ids: ProcessIds): Promise<void> {
  // A shim that has died does not answer. The kill ends what it has left.
  const { status } = await task.state(ids).catch(() => ({ status: Status.UNKNOWN }));
  if (status === Status.CREATED || status === Status.STOPPED) return;
  const killing = task.kill({ ...ids, signal: constants.signals.SIGKILL, all: ids.execId === '' });
  // It may have ended by itself in the meantime.
  await killing.catch(unlessGone);
  await task.wait(ids, { timeoutMs: endTimeoutMs }).catch(unlessGone);
}

/** If `run` removes the container at its end, it may be gone already. */
async function remove({ task }: DaemonConnection, ids: ProcessIds, force: boolean): Promise<void> {
  await task.delete(ids).catch(force ? unlessGone : rethrow);
}

function unlessGone(error: unknown): void {
  if (!(error instanceof RpcError) || error.code !== Code.NotFound) throw error;
}

function rethrow(error: unknown): never {
  throw error;
}
