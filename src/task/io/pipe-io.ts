/**
 * The stdio of a process without a terminal: pipes to the process, FIFOs to the clients. If an output goes to a log
 * target, the process inherits its descriptor, unless there is a second target.
 */
import { FifoReader } from '../../os/fifo.js';
import type { OwnedFd } from '../../os/owned-fd.js';
import { type ChildEnd, copyPipes } from '../../stdio/copy/copy-pipes.js';
import type { OutputStream } from '../../stdio/log-target/log-target.js';
import { logTargetSink, type Sink } from '../../stdio/copy/sink.js';
import { drain, ended } from './drain.js';
import { followOutput } from './follow-output.js';
import { openSink } from './open-sink.js';
import { openLogTargets, logTargetTimeoutMs } from './log-targets.js';
import type { IoLimits, PipeStdio, ProcessIo } from './process-io.js';

export async function openPipeIo(stdio: PipeStdio, limits: IoLimits): Promise<ProcessIo> {
  const { noReader = 'block', owner, log } = stdio;
  const { onError, signal, drainTimeoutMs } = limits;
  const opened: { close(): void }[] = [];
  const keep = <T extends { close(): void }>(stream: T): T => {
    opened.push(stream);
    return stream;
  };
  const { isOne, copied, inherited } = routesOf(stdio);
  try {
    const stdin = stdio.stdin === undefined ? undefined : keep(FifoReader.open(stdio.stdin));
    if (stdio.holdStdin === true) stdin?.hold();
    const targets = [stdio.stdout, stdio.stderr, log];
    const logTargets = keep(await openLogTargets(targets, log === undefined, { owner, signal, onError }));
    const endOf = (stream: OutputStream): OwnedFd | undefined => logTargets.find(stdio[stream])?.[stream];
    const sinkOf = async (stream: OutputStream): Promise<Sink | undefined> => {
      const target = stdio[stream];
      if (!copied.includes(stream)) return undefined;
      if (target?.kind === 'fifo') return keep(await openSink(target, noReader, limits));
      const logTarget = logTargets.find(target);
      return logTarget && logTargetSink(logTarget[stream], logTarget);
    };
    const sinks = { stdout: await sinkOf('stdout'), stderr: await sinkOf('stderr') };
    const copy = keep(copyPipes({ stdin, ...sinks, owner, drainTimeoutMs: 0 }));
    copy.done.catch(() => {});
    const logBeside = copied.length > 0 ? logTargets.find(log) : undefined;
    const subscribers = copied.flatMap((stream) => {
      const broadcast = copy.broadcast(stream);
      return !logBeside || !broadcast ? [] : [keep(followOutput(broadcast, logBeside[stream], onError))];
    });
    const [theirIn, theirOut, theirErr] = copy.childEnds;
    const toInherit = (stream: OutputStream, copiedEnd: ChildEnd): ChildEnd =>
      inherited.includes(stream) ? (endOf(stream)?.fd ?? 'ignore') : copiedEnd;
    const toProcess = [
      theirIn,
      toInherit('stdout', theirOut),
      isOne ? theirOut : toInherit('stderr', theirErr),
    ] as const;
    return {
      make: (command) => command({ stdio: toProcess, signal }),
      async connect() {
        logTargets.started(copied.flatMap((stream) => [endOf(stream), logBeside?.[stream]]));
        copy.started();
      },
      resize() {},
      closeStdin: () => stdin?.release(),
      reopenLogs: () => logTargets.reopen(),
      async drain() {
        copy.processEnded();
        const timeoutMs = drainTimeoutMs || logTargetTimeoutMs;
        const isForReaders = copied.every((stream) => stdio[stream]?.kind === 'fifo');
        const passedOn = drain(copy, isForReaders ? drainTimeoutMs : timeoutMs);
        await logTargets.drain(passedOn, subscribers, timeoutMs);
      },
      ended: (timeoutMs) => ended(copy, logTargets, timeoutMs),
      close() {
        copy.abandon();
        for (const subscriber of subscribers) subscriber.close();
        logTargets.close();
      },
    };
  } catch (error) {
    for (const stream of opened.toReversed()) stream.close();
    throw error;
  }
}

interface Routes {
  /**
   * Whether both outputs are the same FIFO. One pipe for both keeps their order. With two sinks, each would take the
   * reading end that the other holds for a reader.
   */
  isOne: boolean;
  /** The outputs that this program copies. */
  copied: readonly OutputStream[];
  /** The outputs whose log target the process inherits. */
  inherited: readonly OutputStream[];
}

function routesOf(stdio: PipeStdio): Routes {
  const { stdout, stderr, log } = stdio;
  const isOne = stdout?.kind === 'fifo' && stderr?.kind === 'fifo' && stdout.path === stderr.path;
  const wanted = (isOne ? (['stdout'] as const) : streams).filter((stream) => stdio[stream] !== undefined);
  const isCopied = (stream: OutputStream): boolean =>
    stdio[stream]?.kind === 'fifo' || (log !== undefined && stdio[stream] !== log);
  return { isOne, copied: wanted.filter(isCopied), inherited: wanted.filter((stream) => !isCopied(stream)) };
}

const streams: readonly OutputStream[] = ['stdout', 'stderr'];
