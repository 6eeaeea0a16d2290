import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writePidFile } from '../../os/file/atomic-file.js';
import { readBundle, readProcess } from '../spec/bundle.js';
import type { OciProcess } from '../spec/oci-spec.js';
import { addExec, type Container, failure, findContainer, statusOf } from './container.js';
import { forgetEndedExecs } from './members.js';
import { signalProcess } from '../../os/process/process-table.js';
import { sendConsole } from './process/send-console.js';
import { parseSignal } from './signal.js';
import { release, releaseAfterUs } from './start.js';
import { destroyStub, forkStub, planStub, type Stub } from './process/stub.js';
import { endSignals, onSignals } from '../../async/signals.js';

export interface ExecOptions {
  /** A file with the OCI process as JSON. Without it the process is the bundle's, with `args` and `isTerminal`. */
  processFile?: string | undefined;
  args: string[];
  isTerminal: boolean;
  consoleSocket?: string | undefined;
  pidFile?: string | undefined;
  detach: boolean;
}

/**
 * Runs one more process. If detached, returns 0, and the process runs when this program has ended. Otherwise returns
 * its exit status when it has ended.
 */
export async function exec(root: string, id: string, options: ExecOptions): Promise<number> {
  const container = findContainer(root, id);
  const status = statusOf(container);
  if (status !== 'running' && status !== 'created') throw failure(`cannot exec in a ${status} container`);
  const fifo = `exec-${process.pid}.fifo`;
  const plan = planStub(await processOf(container, options), options.consoleSocket, fifo);
  const stub = await startStub(container, options, fifo, () => forkStub(plan, container.directory));
  return options.detach ? 0 : waitForExit(stub);
}

async function processOf({ record }: Container, options: ExecOptions): Promise<OciProcess> {
  const { processFile, args, isTerminal } = options;
  if (processFile !== undefined) {
    const file = await readProcess(processFile);
    return isTerminal ? { ...file, terminal: true } : file;
  }
  if (args.length === 0) throw failure('exec needs a command, or --process');
  const { spec } = await readBundle(record.bundle);
  return { ...spec.process, args, terminal: isTerminal };
}

async function startStub(
  container: Container,
  { consoleSocket, pidFile, detach }: ExecOptions,
  fifo: string,
  fork: () => Promise<Stub>,
): Promise<Stub> {
  const path = join(container.directory, fifo);
  let stub: Stub | undefined;
  try {
    stub = await fork();
    forgetEndedExecs(container);
    addExec(container, stub.identity);
    if (consoleSocket !== undefined && stub.console !== undefined) sendConsole(consoleSocket, stub.console);
    if (pidFile !== undefined) await writePidFile(pidFile, String(stub.identity.pid));
    await (detach ? releaseAfterUs(path, stub.identity) : release(path, stub.identity));
    return stub;
  } catch (error) {
    if (stub !== undefined) await destroyStub(stub);
    rmSync(path, { force: true });
    throw error;
  }
}

/** The process has its own session, so signals of a terminal or a supervisor to this program are passed on to it. */
async function waitForExit(stub: Stub): Promise<number> {
  onSignals(endSignals, (signal) => void signalProcess(stub.identity, parseSignal(signal)));
  return stub.ended;
}
