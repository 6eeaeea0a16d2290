/** The stdio of a process without a terminal: pipes to the runtime, FIFOs to whoever is attached. */
import { FifoReader } from '../os/fifo-stream.js';
import { copyPipes } from '../stdio/copy-pipes.js';
import type { Sink } from '../stdio/sink.js';
import { drain } from './drain.js';
import { openSink } from './open-sink.js';
import type { IoLimits, PipeStdio, ProcessIo } from './process-io.js';

export async function openPipeIo(stdio: PipeStdio, limits: IoLimits): Promise<ProcessIo> {
  const { noReader, owner } = stdio;
  const opened: { close(): void }[] = [];
  const keep = <T extends { close(): void }>(stream: T): T => {
    opened.push(stream);
    return stream;
  };
  try {
    const stdin = stdio.stdin === undefined ? undefined : keep(FifoReader.open(stdio.stdin));
    if (stdio.holdStdin) stdin?.hold();
    const output = async (path: string | undefined): Promise<Sink | undefined> =>
      path === undefined ? undefined : keep(await openSink(path, noReader, limits));
    const [stdout, stderr] = [await output(stdio.stdout), await output(stdio.stderr)];
    const copy = copyPipes({ stdin, stdout, stderr, owner, drainTimeoutMs: 0 });
    copy.done.catch(() => {});
    return {
      make: (command) => command({ stdio: copy.childEnds, signal: limits.signal }),
      connect: () => Promise.resolve(copy.started()),
      resize() {},
      closeStdin: () => stdin?.release(),
      drain() {
        copy.processEnded();
        return drain(copy, limits.drainTimeoutMs);
      },
      close: () => copy.close(),
    };
  } catch (error) {
    for (const stream of opened) stream.close();
    throw error;
  }
}
