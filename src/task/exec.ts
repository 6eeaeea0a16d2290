/** Makes an exec process of a container. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killTree } from '../os/process/kill-tree.js';
import { createPrivateDirectory } from '../os/file/private-directory.js';
import type { TaskContainerOptions } from './container-options.js';
import { type LaunchedProcess, launchProcess } from './launch.js';
import { openIo } from './io/open-io.js';
import type { TaskProcess } from './process.js';

/** Runs `spec`, an OCI process, in the container. If `signal` cancels the call, nothing of the process stays. */
export async function launchExec(
  container: Pick<TaskContainerOptions, 'id' | 'runtime' | 'connectTimeoutMs' | 'drainTimeoutMs' | 'onError'>,
  process: TaskProcess,
  spec: object,
  signal: AbortSignal | undefined,
): Promise<LaunchedProcess> {
  const { connectTimeoutMs, drainTimeoutMs, onError } = container;
  const directory = createPrivateDirectory('exec');
  const processFile = join(directory.path, 'process.json');
  try {
    writeFileSync(processFile, JSON.stringify({ ...spec, ...terminalOf(process) }), { mode: 0o600, flag: 'wx' });
    return await launchProcess({
      io: await openIo(process.options.stdio, { connectTimeoutMs, drainTimeoutMs, signal, onError }),
      signal,
      pidFile: join(directory.path, 'pid'),
      make: async (io) => {
        await container.runtime.exec(container.id, { processFile, detach: true, ...io });
      },
      unmake: async (made) => made && killTree(made.pid),
    });
  } finally {
    directory.remove();
  }
}

/** If `resize` was called before the start, the runtime makes the terminal with that size. */
function terminalOf({ options: { stdio }, size }: TaskProcess): object {
  if (stdio.kind !== 'terminal') return { terminal: false };
  return size === undefined
    ? { terminal: true }
    : { terminal: true, consoleSize: { width: size.columns, height: size.rows } };
}
