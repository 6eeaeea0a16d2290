/** Opens the stdio of a process, of any kind. */
import { openPipeIo } from './pipe-io.js';
import type { InheritedStdio, IoLimits, ProcessIo, ProcessStdio } from './process-io.js';
import { openTerminalIo } from './terminal-io.js';

/** Opens everything that can be opened before the process exists. */
export function openIo(stdio: ProcessStdio, limits: IoLimits): Promise<ProcessIo> {
  if (stdio.kind === 'terminal') return openTerminalIo(stdio, limits);
  if (stdio.kind === 'pipes') return openPipeIo(stdio, limits);
  return Promise.resolve(inheritedIo(stdio, limits));
}

function inheritedIo({ streams }: InheritedStdio, { signal }: IoLimits): ProcessIo {
  return {
    make: (command) => command({ stdio: streams, signal }),
    connect: () => Promise.resolve(),
    resize() {},
    closeStdin() {},
    reopenLogs: () => Promise.resolve([]),
    drain: () => Promise.resolve(),
    ended: () => Promise.resolve(),
    close() {},
  };
}
