/**
 * Uses an external shim, without containerd, in place of the user's daemon. A shim serves only the Task service. There
 * is one shim for each container, or one for several.
 */
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram, isProgram } from '../../runtime/find-program.js';
import { TermshimError } from '../../errors/errors.js';
import { ShimDefinition } from '../../ttrpc/gen/termshim/shim.js';
import { dropOutput } from './drop-output.js';
import { openInput, openOutput } from './fifos.js';
import { sessionsOfShims, unsupported } from './sessions-service.js';
import { Shims } from './shims.js';
import { taskOfShims } from './task-service.js';
import { type DaemonConnection } from '../connection.js';

/** @param shim the path of a program, or its name in PATH. Throws ERR_RUNTIME_NOT_FOUND. */
export function connectExternalShim(shim: string): DaemonConnection {
  const shims = new Shims(programOf(shim));
  const tasks = taskOfShims(shims);
  const { task } = tasks;
  let tellClosed = (): void => {};
  const closed = new Promise<void>((done) => (tellClosed = done));
  const dropped: Disposable[] = [];
  const close = (): void => {
    for (const output of dropped) output[Symbol.dispose]();
    tasks.close();
    shims[Symbol.dispose]();
    tellClosed();
  };
  return {
    task,
    sessions: sessionsOfShims(task, shims.program),
    shim: unsupported(ShimDefinition, shims.program),
    fifoDirectory: (ids) => ({ output: () => openOutput(ids), input: () => openInput(ids), opened: () => {} }),
    inputEnded: async (ids) => void (await task.closeIO({ ...ids, stdin: true })),
    // The shim holds the FIFO open for reading itself, and writes until it is full. Then the process would wait for
    // ever, and Delete would wait some 10 s for the rest.
    async readerLeft(ids, from) {
      dropped.push(dropOutput(from));
      await task.kill({ ...ids, signal: constants.signals.SIGKILL });
    },
    outputCopied,
    closed,
    close,
    [Symbol.dispose]: close,
  };
}

/**
 * A shim reports an exit while it still copies the output, and Delete drops what is not copied in time. So a slow
 * reader of this command's stdout gets all the time that it needs. Processes that the ended process has left behind can
 * write for 10 s, as with containerd.
 */
async function outputCopied(attached: { readonly isBlocked: boolean }, seen: Promise<unknown>): Promise<void> {
  const isSeen = new AbortController();
  const { signal } = isSeen;
  const stop = (): void => isSeen.abort();
  seen.then(stop, stop);
  for (let waitedMs = 0; waitedMs < lateOutputMs && !signal.aborted; ) {
    await delay(pollMs, undefined, { signal }).catch(() => {});
    if (!attached.isBlocked) waitedMs += pollMs;
  }
}

const lateOutputMs = 10_000;
const pollMs = 100;

function programOf(shim: string): string {
  const path = shim.includes('/') ? shim : findProgram(shim, process.env['PATH'] ?? '');
  if (path !== undefined && isProgram(path)) return resolve(path);
  const reason = path === undefined ? `${shim} is not in PATH` : `${path} is not an executable file`;
  throw new TermshimError('ERR_RUNTIME_NOT_FOUND', `no such shim: ${reason}`);
}
