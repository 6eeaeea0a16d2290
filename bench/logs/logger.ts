/** What keeps the log of a container without a terminal, as a peer of the benchmark. */
import { copyFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFifo } from '../../src/os/fifo.js';
import type { Stage } from '../../test/helpers/e2e/stage.js';
import { builtProgram } from '../harness/child.js';
import type { Closable } from '../harness/peer.js';

export interface Logger extends Closable {
  /** Settles when the container runs, and has written nothing yet. */
  open(program: LineProgram): Promise<LoggedContainer>;
}

export interface LoggedContainer {
  readonly log: string;
  /** The processes that log. */
  pids: () => readonly number[];
  remove: () => Promise<void>;
}

/** bench/c/program.c, which writes lines when it is told to. */
export interface LineProgram {
  readonly args: readonly string[];
  begin(): Promise<void>;
}

export function lineProgram(stage: Stage, bytes: number): LineProgram {
  const name = `go-${stage.newId()}`;
  const fifo = join(stage.rootfs, name);
  copyFileSync(builtProgram('program'), join(stage.rootfs, 'bin/program'));
  createFifo(fifo);
  return { args: ['/bin/program', 'lines', `/${name}`, String(bytes)], begin: () => writeFile(fifo, '') };
}
