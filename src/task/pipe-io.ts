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
    const stdout = await output(stdio.stdout);
    // One pipe for both keeps the order, and no FIFO takes our other end of it for a reader.
    const isOne = stdio.stderr === stdio.stdout;
    const stderr = isOne ? undefined : await output(stdio.stderr);
    const copy = copyPipes({ stdin, stdout, stderr, owner, drainTimeoutMs: 0 });
    copy.done.catch(() => {});
    const [theirIn, theirOut, theirErr] = copy.childEnds;
    return {
      make: (command) => command({ stdio: [theirIn, theirOut, isOne ? theirOut : theirErr], signal: limits.signal }),
      connect: () => Promise.resolve(copy.started()),
      resize() {},
      closeStdin: () => stdin?.release(),
      async drain() {
        copy.processEnded();
        await drain(copy, limits.drainTimeoutMs);
      },
      close: () => copy.close(),
    };
  } catch (error) {
    for (const stream of opened) stream.close();
    throw error;
  }
}
