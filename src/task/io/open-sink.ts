/** Opens the sink of an output that no log target gets: a FIFO, or /dev/null. */
import { constants } from 'node:fs';
import { FifoWriter } from '../../os/fifo.js';
import { OwnedFd } from '../../os/owned-fd.js';
import type { FifoTarget } from '../../stdio/log-target/output-target.js';
import { type FifoPolicy, fifoSink, plainSink, type Sink } from '../../stdio/copy/sink.js';
import type { IoLimits } from './process-io.js';

/** Waits for a reader of the FIFO. If there is no `target`, the output is dropped. */
export async function openSink(target: FifoTarget | undefined, noReader: FifoPolicy, limits: IoLimits): Promise<Sink> {
  if (target === undefined) return plainSink(OwnedFd.open('/dev/null', constants.O_WRONLY, '/dev/null'));
  const { connectTimeoutMs: timeoutMs, signal } = limits;
  return fifoSink(await FifoWriter.open(target.path, { timeoutMs, signal }), noReader);
}
