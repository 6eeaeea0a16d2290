/** Where a process's output goes. */
import { constants } from 'node:fs';
import { FifoWriter } from '../os/fifo-stream.js';
import { OwnedFd } from '../os/owned-fd.js';
import { fifoSink, type NoReader, plainSink, type Sink } from '../stdio/sink.js';
import type { IoLimits } from './process-io.js';

/** Waits for a reader of the FIFO at `path`; without a path, output is thrown away. */
export async function openSink(path: string | undefined, noReader: NoReader, limits: IoLimits): Promise<Sink> {
  if (path === undefined) return plainSink(OwnedFd.open('/dev/null', constants.O_WRONLY, '/dev/null'));
  const { connectTimeoutMs: timeoutMs, signal } = limits;
  return fifoSink(await FifoWriter.open(path, { timeoutMs, signal }), noReader);
}
