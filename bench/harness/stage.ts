/** What rows with real containers need: a place that proves that nothing stays, FIFOs with a client at them, a stopwatch. */
import { constants } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../src/errors/errors.js';
import { addon } from '../../src/native/addon.js';
import { createFifo } from '../../src/os/fifo.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { type Reader, readFrom } from '../../test/helpers/copy/reader.js';
import { type Testbed, openTestbed } from '../../test/helpers/e2e/testbed.js';
import type { Report } from './report.js';

/**
 * A place for one row, as the end-to-end tests have it: its own marks, and a proof that nothing of the row stays.
 * What the proof finds is noted. If the harness ends while the row plays, all that is there goes with it.
 */
export async function onStage(report: Report, play: (testbed: Testbed) => Promise<void>): Promise<void> {
  const undos: (() => unknown)[] = [];
  const testbed = openTestbed({ after: (undo) => void undos.push(undo) });
  const sweep = (): void => testbed.removeAll();
  process.once('exit', sweep);
  try {
    await play(testbed);
  } finally {
    for (const undo of undos.toReversed()) {
      await Promise.resolve(undo()).catch((error: unknown) => report.note(messageOf(error)));
    }
    process.off('exit', sweep);
  }
}

/** The FIFOs of one process, and a client's ends of them. */
export interface Ends {
  /** Paths, for the shim. */
  readonly stdin: string;
  readonly stdout: string;
  readonly output: Reader;
  type(text: string): void;
  /** Idempotent. */
  close(): void;
}

/** Both are open before the shim looks, so that it waits for nobody. stdin is open for reading too, which never waits. */
export function makeEnds(directory: string, name: string): Ends {
  const [stdin, stdout] = [join(directory, `${name}.in`), join(directory, `${name}.out`)];
  for (const path of [stdin, stdout]) createFifo(path);
  const sink = OwnedFd.open(stdin, constants.O_RDWR | constants.O_NONBLOCK, stdin);
  const source = OwnedFd.open(stdout, constants.O_RDONLY | constants.O_NONBLOCK, stdout);
  const output = readFrom(source.fd);
  return {
    stdin,
    stdout,
    output,
    type: (text) => void addon.fd_write(sink.fd, Buffer.from(text)),
    close() {
      output.close();
      for (const end of [sink, source]) end.close();
    },
  };
}

/** When each step was done, in ms since the first began. */
export type Times = Readonly<Record<string, number>>;

/** Starts it; the function tells how many ms have passed. */
export function stopwatch(): () => number {
  const began = performance.now();
  return () => performance.now() - began;
}
