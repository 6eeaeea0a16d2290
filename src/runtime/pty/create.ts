import { parseId } from '../spec/container-id.js';
import { readBundle } from '../spec/bundle.js';
import { writePidFile } from '../../os/file/atomic-file.js';
import { claimContainer, removeContainer, startFifo, writeRecord } from './container.js';
import { sendConsole } from './process/send-console.js';
import { destroyStub, forkStub, planStub, type Stub } from './process/stub.js';

export interface CreateOptions {
  bundle: string;
  consoleSocket?: string | undefined;
  pidFile?: string | undefined;
}

/**
 * Makes a container. When this settles, its process waits for `start`.
 *
 * Checks come before anything is created. A later failure removes everything again.
 */
export async function create(root: string, id: string, options: CreateOptions): Promise<void> {
  const { consoleSocket, pidFile } = options;
  const created = new Date().toISOString();
  const { path, spec } = await readBundle(options.bundle);
  const plan = planStub(spec.process, consoleSocket, startFifo);
  const { ociVersion, annotations } = spec;
  const record = { ociVersion, id: parseId(id), bundle: path, annotations: annotations ?? {}, created };
  const container = claimContainer(root, { ...record, isCreated: false });
  let stub: Stub | undefined;
  try {
    stub = await forkStub(plan, container.directory);
    // Recorded before anything else can fail: `delete --force` must find the stub of a `create` that was killed.
    container.record.init = stub.identity;
    writeRecord(container);
    if (consoleSocket !== undefined && stub.console !== undefined) sendConsole(consoleSocket, stub.console);
    container.record.isCreated = true;
    writeRecord(container);
    if (pidFile !== undefined) await writePidFile(pidFile, String(stub.identity.pid));
  } catch (error) {
    if (stub !== undefined) await destroyStub(stub);
    removeContainer(root, id);
    throw error;
  }
}
